"""The other forms in which caches usually store a target: keys with more in them than URL and Vary.

A site that serves phones other images often puts a class of User-Agent into the cache key, one that serves http and
https the scheme, and one with several picture formats a class of Accept. A purge finds such a copy only if it carries
the same header.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from edgeward.types import Target

DESKTOP = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Version/17.0 Mobile/15E148 Safari"
ANDROID = "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Mobile Safari"
TABLET = "Mozilla/5.0 (iPad; CPU OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Safari"
CRAWLER = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
ACCEPT_ALL = "image/avif,image/webp,*/*"
ACCEPT_WEBP = "image/webp,*/*"
ACCEPT_PNG = "image/png"
ACCEPTS = (
    ACCEPT_ALL,
    ACCEPT_PNG,
    "image/webp",
    "image/avif",
    "image/jxl",
    ACCEPT_WEBP,
    "image/jxl,image/avif,*/*",
    "*/*",
)
"""The picture formats that clients usually accept, alone and mixed."""


@dataclass(frozen=True, slots=True)
class KeyForm:
    """One value of a request header (in lower case) that caches usually put into their key."""

    header: str
    value: str

    def of(self, target: Target) -> Target:
        """The target as a client requests it that sends this header."""
        others = tuple((name, value) for name, value in target.vary if name.lower() != self.header)
        return replace(target, vary=(*others, (self.header, self.value)))


USUAL_FORMS: Sequence[KeyForm] = (
    *(KeyForm("user-agent", agent) for agent in (DESKTOP, PHONE, ANDROID, TABLET, CRAWLER)),
    *(KeyForm("x-forwarded-proto", scheme) for scheme in ("https", "http")),
    *(KeyForm("accept", accept) for accept in (ACCEPT_ALL, ACCEPT_WEBP, ACCEPT_PNG)),
)
"""Headers of which a few values stand for all. A cookie or an Origin may have any value: purge by tag instead."""


def forms_of(headers: Iterable[str]) -> list[KeyForm]:
    """The usual forms with any of these headers, whatever their case."""
    wanted = {header.lower() for header in headers}
    return [form for form in USUAL_FORMS if form.header in wanted]
