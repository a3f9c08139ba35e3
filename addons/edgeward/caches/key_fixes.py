"""What to change where a cache's key has more in it than purges: a line for each part that keys usually have, and for
each kind of cache."""

from collections.abc import Iterable

QUERY = "query"
"""Stands for the query of the URL, among names of request headers."""

_PLACES = {
    "varnish": "vcl_hash",
    "nginx": "proxy_cache_key",
    "nginx-plus": "proxy_cache_key",
    "squid": "the store-id helper",
    "trafficserver": "the cachekey plug-in's lines in remap.config",
}
_LINES = {
    "user-agent": "take the device out of {key}, and let the response vary by a class of device (Vary: X-Device)",
    "cookie": "take the cookie out of {key}: no purge can name all its values; pass on requests whose response depends "
    "on it, or purge by tag",
    "x-forwarded-proto": "take the scheme out of {key}: redirect http to https instead, or let the response vary by it "
    "(Vary: X-Forwarded-Proto)",
    "origin": "take Origin out of {key}: send Access-Control-Allow-Origin: *, or let the origin send Vary: Origin",
    "accept": "take Accept out of {key}, and let the response vary by it (Vary: Accept)",
    "accept-language": "take the language out of {key}, and let the response vary by it (Vary: Accept-Language)",
    "range": "take Range out of {key}: store whole responses, and serve ranges of them",
    QUERY: "purges have the query as it was sent: where {key} leaves parameters out or sorts them, do so before purges "
    "are handled too",
}
_OF_DRIVER = {
    ("varnish", QUERY): "purges have the query as it was sent: strip or sort parameters above the include of "
    "edgeward.vcl",
    ("nginx", "accept"): "name each value of the map of Accept in the key in `add_header Edgeward-Variants` of the "
    "purge listener, and have $http_edgeward_variant in its proxy_cache_purge (deploy/nginx/edgeward-cache.conf)",
    ("nginx", "user-agent"): "put the class of device into the one token of the key: into its map, and into "
    "`add_header Edgeward-Variants` of the purge listener (deploy/nginx/edgeward-cache.conf)",
    ("nginx", "accept-language"): "put the languages that you serve into the one token of the key: into its map, and "
    "into `add_header Edgeward-Variants` of the purge listener (deploy/nginx/edgeward-cache.conf)",
    ("nginx", "x-forwarded-proto"): "take the scheme out of proxy_cache_key: it must be that of "
    "edgeward-location.conf, as the purge listener's; redirect http to https instead",
    (
        "nginx",
        "range",
    ): "take $http_range out of proxy_cache_key; to store slices, include edgeward-slice-location.conf "
    "and set `slice_bytes`",
    ("nginx", QUERY): "have $request_uri in proxy_cache_key, as the purge listener has, not $uri or $args",
    (
        "trafficserver",
        "range",
    ): "take cache_range_requests out of remap.config: Traffic Server serves ranges of what it has stored whole",
}
DOCUMENT = 'docs/deployment.md, "More in the cache key"'
OTHERS = "take it out of the cache key, or let the response vary by it (Vary), or purge by tag"


def fix_for(driver: str, parts: Iterable[str]) -> str:
    """What to do about these parts of a cache's key, for people.

    Args:
        driver: of the cache.
        parts: names of request headers, whatever their case, or QUERY.
    """
    lines = dict.fromkeys(_line(driver, part.lower()) for part in parts)
    return f"{'; '.join(lines)}: {DOCUMENT}"


def _line(driver: str, part: str) -> str:
    line = _OF_DRIVER.get((driver.removesuffix("-plus"), part)) or _LINES.get(part, OTHERS)
    return line.format(key=_PLACES.get(driver, "the cache key"))
