"""Checks of real caches, well configured and not."""

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from tests.support.programs import free_port, require

from edgeward.demo.caches import SERVERS, CacheServer, Varnish
from edgeward.demo.origin import Origin
from edgeward.doctor.cache import check_cache
from edgeward.doctor.finding import Finding, Health
from edgeward.settings.cache_settings import CacheSettings, parse_cache
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
    # nginx ignores only-if-cached, so a variant can't be looked for; its purge reports all variants itself.
    checks = {"purge", "outsider", "object"} | ({"vary"} if kind.driver != "nginx" else set())
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
