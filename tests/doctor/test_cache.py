"""Checks of real caches, well configured and not."""

import asyncio
import functools
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack

import pytest
from tests.caches.http_server import http_server, response
from tests.support.programs import free_port, require

from edgeward.demo.caches import SERVERS, CacheServer, Nginx, Varnish
from edgeward.demo.origin import Origin
from edgeward.doctor.cache import cache_upstream, check_cache
from edgeward.doctor.finding import Finding, Health
from edgeward.settings.cache_settings import CacheSettings, parse_cache
from edgeward.settings.config import Config
from edgeward.types import Target

TARGET = Target("http", "img.test", "/doctor.txt")
SECRET = "hush"

type Start = Callable[..., CacheServer]


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    with Origin() as origin:
        origin.put(TARGET.path, b"harmless", "text/plain", headers=[("Vary", "Accept")])
        yield origin


@pytest.fixture(scope="module")
def start(origin: Origin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Returns a cache of a kind in front of the origin, started on first use."""
    host, _, port = origin.address.rpartition(":")
    with ExitStack() as stack:

        @functools.cache
        def start(kind: type[CacheServer], secret: str = SECRET) -> CacheServer:
            require(kind.program)
            return stack.enter_context(kind(tmp_path_factory.mktemp("cache"), (host, int(port)), secret))

        yield start


def settings(cache: CacheServer, **more: object) -> CacheSettings:
    data = {"name": "c", "driver": cache.driver, "url": cache.purge_url, "serves": cache.url, "secret": SECRET}
    return parse_cache({**data, "timeout_ms": 20_000, **more})


async def checked(cache: CacheSettings, target: Target | None = TARGET) -> dict[str, Finding]:
    return {finding.check: finding for finding in await check_cache(cache, target)}


@pytest.mark.parametrize("kind", SERVERS, ids=lambda kind: kind.driver)
async def test_a_well_configured_cache(start: Start, kind: type[CacheServer]) -> None:
    """Each kind, run with the files of deploy/ and a secret, stores the object, purges it, and refuses outsiders."""
    findings = await checked(settings(start(kind)))
    checks = ("purge", "outsider", "object", "vary")
    assert {check: finding.health for check, finding in findings.items()} == dict.fromkeys(checks, Health.OK), findings


async def test_a_wrong_secret_is_named(start: Start) -> None:
    """The cache refuses, and the finding says how to fix it, without the secret."""
    findings = await checked(settings(start(Varnish), secret="other"))
    assert findings["purge"].health is Health.FAIL
    assert "secret" in findings["purge"].fix
    assert "other" not in repr(findings)


async def test_an_unreachable_cache(origin: Origin) -> None:
    """The finding differs from that of a cache that refuses."""
    away = parse_cache({"name": "c", "driver": "varnish", "url": f"http://127.0.0.1:{free_port()}"})
    findings = await checked(away)
    assert findings["purge"].health is Health.FAIL
    assert "does not carry out purges: connection refused" in findings["purge"].detail


@pytest.mark.parametrize("status", [405, 501])
async def test_a_server_that_does_not_know_purges_is_no_unreachable_one(origin: Origin, status: int) -> None:
    """It answers, whatever the host: its settings are to be fixed, not its network."""
    origin.put("/purge", b"", "text/plain", status=status)
    path = "/purge"
    generic = {"name": "c", "driver": "generic", "url": f"http://{origin.address}", "method": "GET", "path": path}
    for target in (TARGET, None):
        findings = await checked(parse_cache(generic), target)
        assert findings["purge"].health is Health.FAIL
        assert "it refuses purges: " in findings["purge"].detail
        assert "fix method" in findings["purge"].detail


async def test_no_secret_is_a_warning(start: Start) -> None:
    """Any process on a trusted address can purge."""
    findings = await checked(settings(start(Varnish, secret=""), secret=""))
    assert findings["outsider"].health is Health.WARN


async def test_a_cache_that_outsiders_can_purge_is_a_failure(start: Start) -> None:
    """A secret that is set in Edgeward alone protects nothing."""
    findings = await checked(settings(start(Varnish, secret="")))
    assert findings["outsider"].health is Health.FAIL


async def test_without_an_object_it_says_how_to_give_one(start: Start) -> None:
    """The check is skipped."""
    findings = await checked(settings(start(Varnish)), None)
    assert findings["object"].health is Health.SKIPPED
    assert "--url" in findings["object"].fix


async def test_an_object_that_is_not_stored_proves_nothing(start: Start, origin: Origin) -> None:
    """The check is skipped."""
    origin.put("/never.txt", b"x", "text/plain", status=203, headers=[("Cache-Control", "no-store")])
    findings = await checked(settings(start(Varnish)), Target("http", "img.test", "/never.txt"))
    assert findings["object"].health is Health.SKIPPED


async def test_a_purge_that_names_another_object_is_found(start: Start) -> None:
    """With a VCL that rewrites the Host of fetches but not of purges, the object is still there after the purge."""

    class Rewriting(Varnish):
        def _command(self) -> list[str]:
            command = super()._command()
            vcl = self.directory / "default.vcl"
            rewrite = 'sub vcl_recv { if (req.method != "PURGE") { set req.http.Host = "other.test"; } }\n'
            vcl.write_text(vcl.read_text().replace('include "edgeward.vcl";', rewrite + 'include "edgeward.vcl";'))
            return command

    findings = await checked(settings(start(Rewriting)))
    assert findings["object"].health is Health.FAIL
    assert "still cached" in findings["object"].detail


def varnish_with(start: Start, name: str, old: str, new: str) -> CacheServer:
    """A Varnish whose VCL has `new` for `old`. `name`: of its class, since each kind is started once."""

    class Changed(Varnish):
        def _command(self) -> list[str]:
            command = super()._command()
            vcl = self.directory / "default.vcl"
            assert old in vcl.read_text()
            vcl.write_text(vcl.read_text().replace(old, new))
            return command

    Changed.__name__ = name
    return start(Changed)


INCLUDE = 'include "edgeward.vcl";'


@pytest.fixture
def plain(start: Start) -> CacheServer:
    """A Varnish with the `return (purge)` of its documentation, which ignores only-if-cached."""

    class Plain(Varnish):
        def _command(self) -> list[str]:
            command = super()._command()
            vcl = self.directory / "default.vcl"
            text = vcl.read_text().replace(INCLUDE, "").replace('"only-if-cached"', '"never-sent"')
            purge = 'sub vcl_recv { if (req.method == "PURGE") { if (client.ip !~ edgeward_purgers) '
            purge += "{ return (synth(405)); } return (purge); } }\n"
            vcl.write_text(text.replace("sub vcl_miss", purge + "sub vcl_miss", 1))
            return command

    return start(Plain)


@pytest.mark.parametrize("path", ["/doctor.txt", "/strict.txt?v=1"], ids=["any query", "404 for a random query"])
async def test_a_cache_that_can_only_be_fetched_from_is_no_failure(
    plain: CacheServer, origin: Origin, path: str
) -> None:
    """Its look puts the object back: whether the purge worked is told by which response of the origin it is."""
    origin.put("/strict.txt?v=1", b"harmless", "text/plain", headers=[("Vary", "Accept")])
    findings = await checked(settings(plain), Target("http", "img.test", path))
    assert findings["purge"].health is Health.WARN
    assert "deploy/varnish/edgeward.vcl" in findings["purge"].detail
    assert findings["object"].health is Health.WARN
    assert "fetched anew" in findings["object"].detail
    assert Health.FAIL not in {finding.health for check, finding in findings.items() if check != "outsider"}


async def test_a_purge_that_does_nothing_is_found_at_such_a_cache(start: Start, origin: Origin) -> None:
    """The response of before comes again, and Varnish says that it had it."""

    class Idle(Varnish):
        def _command(self) -> list[str]:
            command = super()._command()
            vcl = self.directory / "default.vcl"
            text = vcl.read_text().replace(INCLUDE, "").replace('"only-if-cached"', '"never-sent"')
            idle = (
                'sub vcl_recv { if (req.method == "PURGE" && client.ip ~ edgeward_purgers) { return (synth(200)); } }\n'
            )
            vcl.write_text(text.replace("sub vcl_miss", idle + "sub vcl_miss", 1))
            return command

    findings = await checked(settings(start(Idle)))
    assert findings["object"].health is Health.FAIL


async def test_the_missing_vcl_is_named(start: Start) -> None:
    """A Varnish without edgeward.vcl takes PURGE for a fetch, or refuses it: the file is named."""

    class Bare(Varnish):
        def _command(self) -> list[str]:
            command = super()._command()
            vcl = self.directory / "default.vcl"
            use = (
                'sub vcl_recv { if (client.ip ~ edgeward_purgers && req.method == "PURGE") { return (synth(405)); } }\n'
            )
            vcl.write_text(vcl.read_text().replace(INCLUDE, use))
            return command

    finding = (await checked(settings(start(Bare))))["purge"]
    assert finding.health is Health.FAIL
    assert "deploy/varnish/edgeward.vcl" in finding.detail


KEYS_BY_PATH = """
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


async def checked_by_path(cache: CacheServer, origin: Origin, paths: Iterable[str]) -> dict[str, dict[str, Finding]]:
    """By path, the findings on an object there."""
    for path in paths:
        origin.put(path, b"harmless", "text/plain")

    async def check(path: str) -> tuple[str, dict[str, Finding]]:
        return path, await checked(settings(cache), Target("http", "img.test", path))

    return dict(await asyncio.gather(*map(check, paths)))


async def test_a_cache_key_with_more_in_it_is_found(start: Start, origin: Origin) -> None:
    """A purge finds the copies of one kind of clients alone: the finding names it, and what to do about it."""
    origin.put("/to/moved", b"harmless", "text/plain")
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
    cache = varnish_with(start, "KeysByPath", INCLUDE, INCLUDE + KEYS_BY_PATH)
    for path, findings in (await checked_by_path(cache, origin, expected)).items():
        check, detail, fix = expected[path]
        assert [each.check for each in findings.values() if each.is_failure] == [check], (path, findings)
        assert detail in findings[check].detail
        assert fix in findings[check].fix


async def test_what_is_passed_on_is_not_stored(start: Start) -> None:
    """With hit-for-pass every look is answered by the origin: that is no copy."""
    passing = f"{INCLUDE}\nsub vcl_backend_response {{ return (pass(60s)); }}"
    findings = await checked(settings(varnish_with(start, "Passing", INCLUDE, passing)))
    assert findings["object"].health is Health.SKIPPED
    assert Health.FAIL not in {finding.health for finding in findings.values()}


async def test_nginx_needs_the_address_for_clients(start: Start) -> None:
    """At its listener for purges every request is a purge: nothing can be stored through it."""
    finding = (await checked(settings(start(Nginx), serves=None)))["object"]
    assert finding.health is Health.SKIPPED
    assert "listener for purges" in finding.detail
    assert "`serves`" in finding.fix


async def test_nginx_in_front_serves_clients_where_the_proxy_asks_it(start: Start) -> None:
    """Without `serves`, proxy.upstream is its address; with more caches behind it that is not known."""
    cache = start(Nginx)
    found = {each.check: each.health for each in await check_cache(settings(cache, serves=None), TARGET, cache.url)}
    assert found["object"] is Health.OK
    one = {"name": "c", "driver": "nginx", "url": cache.purge_url}
    proxy = {"upstream": cache.url}
    assert cache_upstream(Config.model_validate({"proxy": proxy, "caches": [one]})) == cache.url
    assert cache_upstream(Config.model_validate({"proxy": proxy, "caches": [one, {**one, "name": "d"}]})) is None
    filled = {"proxy": {**proxy, "placement": "fill"}, "caches": [one]}
    assert cache_upstream(Config.model_validate(filled)) is None


NAMES_BY_PATH = """
map $request_uri $edgeward_names {
  default "std avif webp";
  ~^/nowebp "std avif";
  ~^/noavif "std webp";
  ~^/stdalone "std";
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


@pytest.fixture
def nginx_by_path(start: Start) -> CacheServer:
    """An nginx that says less, or has another key, by path."""

    class ByPath(Nginx):
        def _command(self) -> list[str]:
            command = super()._command()
            names = 'add_header Edgeward-Variants "std avif webp" always;'
            for file, old, new in (
                ("edgeward-cache.conf", names, names.replace('"std avif webp"', "$edgeward_names")),
                ("edgeward-cache.conf", "map $http_accept", f"{NAMES_BY_PATH}map $http_accept"),
                ("edgeward-location.conf", "add_header X-Cache $upstream", "add_header X-Cache $edgeward_told; # "),
                ("edgeward-location.conf", "proxy_cache_key $host", "proxy_cache_key $edgeward_other$host"),
            ):
                path = self.directory / file
                assert old in path.read_text()
                path.write_text(path.read_text().replace(old, new))
            return command

    return start(ByPath)


async def test_nginx_that_is_not_set_up_for_purges_is_found(nginx_by_path: CacheServer, origin: Origin) -> None:
    """A purge listener that names too few variants, each of which is asked for alone; and another key. Where nginx does
    not say whether it had a copy, less is known, and that is said."""
    expected = {
        "/nowebp": ("vary", Health.FAIL, "(by Accept: image/webp or image/webp,*/*)", "Edgeward-Variants"),
        "/noavif": ("vary", Health.FAIL, "image/avif", "Edgeward-Variants"),
        "/stdalone": ("vary", Health.FAIL, "image/webp or image/avif", "Edgeward-Variants"),
        "/other": ("object", Health.FAIL, "still cached", "edgeward-location.conf"),
        "/other-untold": ("object", Health.WARN, "removed nothing", "edgeward-location.conf"),
        "/untold": ("vary", Health.SKIPPED, "can't be seen", "X-Cache"),
    }
    for path, findings in (await checked_by_path(nginx_by_path, origin, expected)).items():
        check, health, detail, fix = expected[path]
        assert [each.check for each in findings.values() if each.health is not Health.OK] == [check], findings
        assert findings[check].health is health
        assert detail in findings[check].detail
        assert fix in findings[check].fix


@pytest.mark.parametrize("path", [TARGET.path, "/missing.txt"])
async def test_nginx_whose_url_is_not_its_purge_listener_is_found(start: Start, path: str) -> None:
    """The port for clients answers every purge like a fetch: it takes no purges, and what it lacks is named."""
    cache = start(Nginx)
    findings = await checked(settings(cache, url=cache.url), Target("http", "img.test", path))
    assert findings["purge"].health is Health.FAIL
    assert "without Edgeward-Variants" in findings["purge"].detail
    assert "point `url` at the purge listener" in findings["purge"].detail


@pytest.mark.parametrize("driver", ["varnish", "nginx", "squid", "trafficserver"])
async def test_a_web_server_in_place_of_the_cache_takes_no_purges(driver: str) -> None:
    """It answers 200 to everything."""
    async with http_server(lambda head, _: response(200, "Server: Elsewhere/1.0", body=b"<h1>Hello</h1>")) as (url, _):
        finding = (await checked(parse_cache({"name": "c", "driver": driver, "url": url, "secret": SECRET})))["purge"]
    assert finding.health is Health.FAIL, finding
    assert "does not purge" in finding.detail or "any server answers so" in finding.detail


async def test_nginx_whose_origin_refuses_unknown_queries_is_well(start: Start, origin: Origin) -> None:
    """A 404 for an invented query does not mean that the cache can be looked into."""
    origin.put("/strict.txt?v=2", b"harmless", "text/plain")
    findings = await checked(settings(start(Nginx)), Target("http", "img.test", "/strict.txt?v=2"))
    assert {check: finding.health for check, finding in findings.items()} == {
        "purge": Health.OK, "outsider": Health.OK, "object": Health.OK, "vary": Health.SKIPPED,
    }, findings  # fmt: skip
