"""What headers tell of caches."""

import pytest

from edgeward.caches import DRIVERS
from edgeward.caches.response_signs import is_like, sign_of_another, signs_in, unpurged_sign
from edgeward.settings.cache_settings import CacheSettings, parse_cache

UPSTREAM = "http://origin.test:8080"
VARNISH = parse_cache({"name": "v", "driver": "varnish", "url": "http://cache.test"})
NGINX = parse_cache({"name": "n", "driver": "nginx", "url": "http://origin.test:81", "serves": "http://origin.test:80"})
CLOUDFLARE = parse_cache({"name": "c", "driver": "cloudflare", "zone": "0" * 32, "token": "t"})
GENERIC = parse_cache({"name": "g", "driver": "generic", "url": "http://any.test/"})
HIT = {"x-cache": "HIT"}
CF = {"cf-cache-status": "DYNAMIC", "age": "3"}


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ({"server": "nginx", "etag": '"1"'}, None),
        ({"age": "0"}, None),
        ({"via": "1.1 proxy.corp (tinyproxy)"}, None),
        ({"via": "1.1 google"}, None),
        ({"x-cache": "BYPASS"}, None),
        ({"age": "17"}, ""),
        ({"x-cache-status": "MISS"}, ""),
        ({"cache-status": "edge; hit; ttl=3"}, ""),
        ({"x-varnish": "3 2"}, "varnish"),
        ({"via": "1.1 cache (Varnish/7.1)"}, "varnish"),
        ({"via": "1.1 varnish"}, "fastly"),
        ({"x-served-by": "cache-fra-eddf1"}, "fastly"),
        ({"via": "1.1 proxy (squid/6.1)"}, "squid"),
        ({"via": "http/1.1 one (ApacheTrafficServer/9.2)"}, "trafficserver"),
        ({"cf-ray": "8a-FRA"}, "cloudflare"),
        ({"via": "1.1 x.cloudfront.net (CloudFront)"}, "cloudfront"),
        ({"cdn-cache": "HIT"}, "bunny"),
        ({"server": "keycdn-engine"}, "keycdn"),
        ({"cache-status": "Souin; fwd=uri-miss; stored"}, "souin"),
    ],
)
def test_which_cache_it_was(headers: dict[str, str], kind: str | None) -> None:
    """As far as its header tells; other servers and proxies without a cache leave no sign."""
    signs = signs_in(headers)
    assert bool(signs) is (kind is not None)
    assert {name for sign in signs for name in sign.drivers} <= {driver.name for driver in DRIVERS}
    if kind is not None:
        assert kind in signs[0].drivers if kind else not signs[0].drivers


@pytest.mark.parametrize(
    ("headers", "caches", "in_front", "told"),
    [
        (HIT, [], True, "X-Cache: HIT"),
        (HIT, [], False, "X-Cache: HIT"),
        (HIT, [VARNISH], True, None),
        (HIT, [VARNISH], False, "X-Cache: HIT"),
        ({"x-varnish": "1", "age": "3"}, [VARNISH], True, None),
        (CF, [VARNISH], True, "Cf-Cache-Status: DYNAMIC"),
        (CF, [VARNISH, CLOUDFLARE], True, None),
        (CF, [CLOUDFLARE], False, None),
        (HIT, [NGINX], False, None),
        ({"x-varnish": "1"}, [NGINX], False, "X-Varnish: 1"),
        (CF, [GENERIC], True, None),
        ({}, [], True, None),
    ],
)
def test_a_cache_that_nobody_purges(
    headers: dict[str, str], caches: list[CacheSettings], in_front: bool, told: str | None
) -> None:
    """In front the configured caches stand behind Edgeward; in fill one at the host of the upstream does, and a CDN
    may. A sign that does not tell its kind may be theirs."""
    sign = unpurged_sign(headers, UPSTREAM, caches, in_front)
    assert (str(sign) if sign else None) == told


def test_a_value_is_shown_short_and_printable() -> None:
    """It comes from outside."""
    (sign,) = signs_in({"x-cache": "HIT\x1b[2J" + "a" * 500})
    assert len(str(sign)) < 80 and "\x1b" not in str(sign)


def test_a_cache_of_another_kind_is_told() -> None:
    """By its own headers; not where its own kind is told too, or only a server that may stand in front of any."""
    told = sign_of_another("squid", {"server": "Varnish", "x-varnish": "1"})
    assert told is not None and told.drivers == {"varnish"} and str(told) == "Server: Varnish"
    assert sign_of_another("nginx", {"server": "ATS/9.2.9"}) is not None
    by_via = sign_of_another("trafficserver", {"via": "1.1 v (Varnish/7.1)"})
    assert by_via is not None and by_via.drivers == {"varnish"}
    for driver, headers in (
        ("varnish", {"server": "nginx", "x-varnish": "1"}),
        ("varnish", {"server": "nginx"}),
        ("nginx", {"server": "nginx/1.22", "x-varnish": "1"}),
        ("squid", {"server": "squid/5.7", "x-varnish": "1"}),
        ("generic", {"server": "Varnish", "x-varnish": "1"}),
        ("souin", {"server": "Caddy", "x-varnish": "1"}),
        ("squid", {}),
    ):
        assert sign_of_another(driver, headers) is None, (driver, headers)


def test_which_server_may_be_such_a_cache() -> None:
    """One that hides its name is believed, and one through which another server answers is known by its own header."""
    assert is_like("varnish", {}) and is_like("souin", {"server": "Caddy"})
    assert is_like("varnish", {"server": "Apache", "x-varnish": "1"})
    assert not is_like("varnish", {"server": "nginx/1.22"})
    assert is_like("nginx", {"server": "openresty"}) and not is_like("squid", {"server": "Apache"})
