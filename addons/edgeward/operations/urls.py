"""URLs that people and machines give, as targets of caches."""

from collections.abc import Callable, Iterable
from itertools import chain

from edgeward.errors import InvalidValue
from edgeward.sightings import url_parsing
from edgeward.sightings.url_parsing import UrlError
from edgeward.types import Target


def parse_url(url: str, key: str = "urls") -> Target:
    """The target that a browser requests for `url`. `key` is named in the error.

    Raises:
        InvalidValue: it is not an absolute http:// or https:// URL that an HTTP request can carry.
    """
    return _parsed(url_parsing.parse_url, url, key)


def parse_urls(urls: Iterable[str], key: str = "urls") -> tuple[Target, ...]:
    """All targets that the URLs stand for, each once: those that browsers request, and those that are so written.

    Raises:
        InvalidValue: as in `parse_url`.
    """
    return tuple(dict.fromkeys(chain.from_iterable(parse_written_urls(urls, key))))


def parse_written_urls(urls: Iterable[str], key: str = "urls") -> tuple[tuple[Target, ...], ...]:
    """By URL the targets that it stands for: first that which browsers request, then those that are so written.

    Raises:
        InvalidValue: as in `parse_url`.
    """
    return tuple(dict.fromkeys(_parsed(url_parsing.parse_urls, url, key) for url in urls))


def parse_prefix(url: str, key: str = "prefixes") -> Target:
    """The host and the beginning of the path below which everything is meant.

    Raises:
        InvalidValue: as in `parse_url`; or the path has dot segments, parameters or a fragment, and would stand for
            more than is written.
    """
    return _parsed(url_parsing.parse_prefix, url, key)


def _parsed[T](parse: Callable[[str], T], url: str, key: str) -> T:
    try:
        return parse(url)
    except UrlError as error:
        raise InvalidValue(f"{url!r} {error}", key) from None
