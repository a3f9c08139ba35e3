"""The check of an object at real caches with more in their keys. (Others: test_cache.py.)"""

import asyncio
from collections.abc import Iterable

from tests.support.changed_varnish import Cold, started
from tests.support.real_caches import settings

from edgeward.demo.caches import CacheServer, Nginx, TrafficServer
from edgeward.doctor.cache import check_cached_object
from edgeward.doctor.finding import Finding, Health
from edgeward.settings.cache_settings import SelfHostedCache
from edgeward.types import Target

type Checked = tuple[dict[str, Finding], tuple[str, ...]]
"""The findings, and the headers that the key has in it."""


async def checked(cache: CacheServer, paths: Iterable[str]) -> dict[str, Checked]:
    """By path, what is found with an object there."""
    section = settings(cache, serves=cache.url)
    assert isinstance(section, SelfHostedCache)

    async def check(path: str) -> tuple[str, Checked]:
        findings, headers = await check_cached_object(section, Target("http", "img.test", path))
        return path, ({each.check: each for each in findings}, headers)

    return dict(await asyncio.gather(*map(check, paths)))


VARNISH_BY_PATH = """
sub vcl_recv {
  if (req.url ~ "^/query") { set req.url = regsub(req.url, "\\?.*", ""); }
  if (req.url ~ "^/cookie") { set req.http.X-Session = req.http.Cookie; unset req.http.Cookie; }
  if (req.url ~ "^/moved") { set req.url = "/to" + req.url; }
  set req.http.X-Device = "desktop";
  if (req.http.User-Agent ~ "Mobile") { set req.http.X-Device = "phone"; }
}
sub vcl_hash {
  if (req.url ~ "^/device" && req.http.User-Agent ~ "Mobile") { hash_data("m"); }
  if (req.url ~ "^/later") { hash_data(req.http.X-Device); }
  if (req.url ~ "^/cookie") { hash_data(req.http.X-Session); }
  if (req.url ~ "^/scheme") { hash_data(req.http.X-Forwarded-Proto); }
  if (req.url ~ "^/origin") { hash_data(req.http.Origin); }
  if (req.url ~ "^/language") { hash_data(req.http.Accept-Language); }
  if (req.url ~ "^/accept" && req.http.Accept ~ "^image/webp") { hash_data("w"); }
}
"""


async def test_a_cache_key_with_more_in_it_is_found(cold: Cold) -> None:
    """A purge finds the copies of one kind of clients alone: the finding names it, and what to do about it."""
    expected = {
        "/device": ("keys", "User-Agent", "the device"),
        "/later": ("object", "User-Agent", "the device"),  # the class of device is set after purges are handled
        "/cookie": ("object", "Cookie", "the cookie"),
        "/scheme": ("keys", "X-Forwarded-Proto", "the scheme"),
        "/origin": ("keys", "Origin", "Origin"),
        "/language": ("keys", "Accept-Language", "the language"),
        "/query": ("keys", "under a query", "above the include"),
        "/accept": ("vary", "image/webp or", "Accept"),
        "/moved": ("object", "still cached", "rewrite URL and Host"),
    }
    for path, (findings, _) in (await checked(started(cold, VARNISH_BY_PATH), expected)).items():
        check, detail, fix = expected[path]
        assert [each.check for each in findings.values() if each.is_failure] == [check], (path, findings)
        assert detail in findings[check].detail
        assert fix in findings[check].fix


NAMES_BY_PATH = """
map $request_uri $edgeward_names {
  default "std avif webp";
  ~^/nowebp "std avif";
  ~^/noavif "std webp";
  ~^/stdalone "std";
  ~^/unnamed "";
}
map $request_uri $edgeward_purged {
  default $http_edgeward_variant;
  ~^/unnamed std;
}
map $request_uri $edgeward_other {
  default "";
  ~^/other "other";
}
map $request_uri $edgeward_told {
  default $upstream_cache_status;
  ~untold "";
}
"""


class NginxByPath(Nginx):
    """One that says less, or has another key, by path."""

    def _command(self) -> list[str]:
        command = super()._command()
        names = 'add_header Edgeward-Variants "std avif webp" always;'
        for file, old, new in (
            ("edgeward-cache.conf", names, names.replace('"std avif webp"', "$edgeward_names")),
            ("edgeward-cache.conf", "|$http_edgeward_variant;", "|$edgeward_purged;"),
            ("edgeward-cache.conf", "map $http_accept", f"{NAMES_BY_PATH}map $http_accept"),
            ("edgeward-location.conf", "add_header X-Cache $upstream", "add_header X-Cache $edgeward_told; # "),
            ("edgeward-location.conf", "proxy_cache_key $host", "proxy_cache_key $edgeward_other$host"),
        ):
            path = self.directory / file
            assert old in path.read_text()
            path.write_text(path.read_text().replace(old, new))
        return command


async def test_nginx_that_is_not_set_up_for_purges_is_found(cold: Cold) -> None:
    """A purge listener that names too few variants, each of which is asked for alone; and another key. Where nginx does
    not say whether it had a copy, less is known, and that is said."""
    expected = {
        "/nowebp": ("vary", Health.FAIL, "(by Accept: image/webp or image/webp,*/*)", "Edgeward-Variants"),
        "/noavif": ("vary", Health.FAIL, "image/avif", "Edgeward-Variants"),
        "/stdalone": ("vary", Health.FAIL, "image/webp or image/avif", "Edgeward-Variants"),
        "/unnamed": ("vary", Health.FAIL, "image/webp or image/avif", "Edgeward-Variants"),
        "/other": ("object", Health.FAIL, "still cached", "edgeward-location.conf"),
        "/other-untold": ("object", Health.WARN, "removed nothing", "edgeward-location.conf"),
        "/untold": ("vary", Health.SKIPPED, "can't be seen", "X-Cache"),
    }
    cache = cold(NginxByPath)
    cache.start()
    for path, (findings, _) in (await checked(cache, expected)).items():
        check, health, detail, fix = expected[path]
        assert [each.check for each in findings.values() if each.health is not Health.OK] == [check], findings
        assert findings[check].health is health
        assert detail in findings[check].detail
        assert fix in findings[check].fix


OPTIONS_BY_PATH = {
    "/accept": "--include-headers=Accept",
    "/cookie": "--include-cookies=edgeward",
    "/device": "--ua-capture=(Mobile)",
    "/query": "--sort-params=true",
    "/nothing": "--remove-all-params=false",
}


class TrafficServerByPath(TrafficServer):
    """One with the cachekey plug-in, which adds something else below each path."""

    def _command(self) -> list[str]:
        command = super()._command()
        remap = self.directory / "etc" / "remap.config"
        origin = f"http://{self.backend[0]}:{self.backend[1]}"
        lines = [
            f"map {path} {origin}{path} @plugin=cachekey.so @pparam={option}"
            for path, option in OPTIONS_BY_PATH.items()
        ]
        remap.write_text("\n".join([*lines, remap.read_text()]))
        return command


async def test_what_the_cachekey_plug_in_adds_is_found(cold: Cold) -> None:
    """The finding names it, and the place of its lines. What purges have too is no failure."""
    cache = cold(TrafficServerByPath)
    cache.start()
    found = await checked(cache, OPTIONS_BY_PATH)
    failed = {path: [each for each in findings.values() if each.is_failure] for path, (findings, _) in found.items()}
    assert {path: headers for path, (_, headers) in found.items()} == {
        "/accept": ("accept",), "/cookie": ("cookie",), "/device": ("user-agent",), "/query": (), "/nothing": (),
    }, found  # fmt: skip
    assert {path for path, each in failed.items() if each} == {"/accept", "/cookie", "/device"}
    assert all("remap.config" in each.fix for findings in failed.values() for each in findings)
