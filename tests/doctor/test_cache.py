"""Checks of real caches, well configured and not."""

import asyncio
import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.caches.cdn_server import response as cdn_response
from tests.caches.certificates import server_context
from tests.caches.every_driver import driver_and_server
from tests.caches.http_server import http_server, response
from tests.support.programs import free_port, require

from edgeward.caches import DRIVERS
from edgeward.demo.caches import SERVERS, CacheServer, Nginx, Varnish
from edgeward.demo.origin import Origin
from edgeward.doctor import access_fixes
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


async def test_a_wrong_url_is_told_by_what_is_wrong_with_it(tmp_path: Path) -> None:
    """Another name, port, scheme or server: each has its own fix, and none says only that it may not run."""
    context, _ = server_context(tmp_path, "localhost")

    async def say_hello(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.test ESMTP\r\n")
        await writer.drain()
        writer.close()

    async def fix_at(url: str, **more: object) -> str:
        driver = {"name": "c", "driver": "varnish", "url": url, "timeout_ms": 20_000}
        finding = (await checked(parse_cache({**driver, **more})))["purge"]
        assert finding.health is Health.FAIL, finding
        return finding.fix

    def as_nginx(head: bytes, _: int) -> bytes:
        return response(405 if head.startswith(b"PURGE") else 200, "Server: nginx/1.22", body=b"<p>hello")

    other = await asyncio.start_server(say_hello, "127.0.0.1", 0)
    async with http_server(as_nginx) as (plain, _), http_server(as_nginx, context) as (tls, _):
        assert "DNS" in await fix_at("http://no-such-host.invalid")
        assert "nothing listens" in await fix_at(f"http://127.0.0.1:{free_port()}")
        mail = other.sockets[0].getsockname()[1]
        assert "something else than an HTTP server" in await fix_at(f"http://127.0.0.1:{mail}")
        # Each waits for the other to speak, until time is up.
        assert "write http://" in await fix_at(plain.replace("http:", "https:"), timeout_ms=4000)
        assert "write https://" in await fix_at(tls.replace("https:", "http:"), timeout_ms=4000)
        assert "name that its certificate is for" in await fix_at(tls)
        assert "is 'nginx/1.22'" in await fix_at(plain)
        assert "api_path" in await fix_at(plain, driver="souin")
    other.close()


@pytest.mark.parametrize("driver", [driver.name for driver in DRIVERS])
async def test_a_refusal_is_fixed_in_the_words_of_the_driver(driver: str) -> None:
    """A server that forbids everything: what to do names what this kind of cache has."""
    async with driver_and_server(driver, lambda _: cdn_response(403)) as (made, _):
        finding = (await checked(made.settings, None))["purge"]
    assert finding.health is Health.FAIL
    assert access_fixes.fix_of(type(made)) in finding.fix
