"""The examination of real caches, well and not."""

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from tests.parts import free_port, require

from edgeward.cache_settings import CacheSettings, parse_cache
from edgeward.control.doctor.cache import CacheExam
from edgeward.control.doctor.finding import Finding, Health
from edgeward.demo.caches import SERVERS, CacheServer, Varnish
from edgeward.demo.origin import Origin
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
    """Gives a cache of that kind in front of the origin; who asks first starts it."""
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


async def exam(cache: CacheSettings, target: Target | None = TARGET) -> dict[str, Finding]:
    return {finding.check: finding for finding in await CacheExam(cache, target).run()}


@pytest.mark.parametrize("kind", SERVERS, ids=lambda kind: kind.driver)
async def test_a_cache_that_is_well(start: Start, kind: type[CacheServer]) -> None:
    """Each kind, run with the files of deploy/ and a secret, takes the object, gives it up, and refuses outsiders."""
    findings = await exam(settings(start(kind)))
    # nginx can't be asked what it holds: that its purge took all variants is told by the purge alone.
    checks = {"purge", "outsider", "object"} | ({"vary"} if kind.driver != "nginx" else set())
    assert {check: finding.health for check, finding in findings.items()} == dict.fromkeys(checks, Health.OK), findings


async def test_a_wrong_secret_is_named(start: Start) -> None:
    """The cache refuses, and the finding says what to put in order; the secret itself is not told."""
    findings = await exam(settings(start(Varnish), secret="other"))
    assert findings["purge"].health is Health.FAIL
    assert "secret" in findings["purge"].mend
    assert "other" not in repr(findings)


async def test_a_cache_that_is_away(origin: Origin) -> None:
    """It is told from one that refuses."""
    away = parse_cache({"name": "c", "driver": "varnish", "url": f"http://127.0.0.1:{free_port()}"})
    findings = await exam(away)
    assert findings["purge"].health is Health.FAIL
    assert "does not answer" in findings["purge"].said


async def test_no_secret_is_a_warning(start: Start) -> None:
    """The address alone is no door: whoever shares the machine comes through it."""
    findings = await exam(settings(start(Varnish, secret=""), secret=""))
    assert findings["outsider"].health is Health.WARN


async def test_a_door_that_is_open_is_a_failure(start: Start) -> None:
    """A secret that only Edgeward knows of protects nothing."""
    findings = await exam(settings(start(Varnish, secret="")))
    assert findings["outsider"].health is Health.FAIL


async def test_without_an_object_it_says_how_to_give_one(start: Start) -> None:
    """Nothing is claimed that was not tried."""
    findings = await exam(settings(start(Varnish)), None)
    assert findings["object"].health is Health.SKIPPED
    assert "--url" in findings["object"].mend


async def test_an_object_that_is_not_stored_proves_nothing(start: Start, origin: Origin) -> None:
    """Then it is skipped, with what to do."""
    origin.put("/never.txt", b"x", "text/plain", status=203, headers=[("Cache-Control", "no-store")])
    findings = await exam(settings(start(Varnish)), Target("http", "img.test", "/never.txt"))
    assert findings["object"].health is Health.SKIPPED


async def test_a_purge_that_names_another_object_is_found(start: Start) -> None:
    """As with a VCL that rewrites the Host of a fetch, but not of a purge: the object is still there afterwards."""

    class Rewriting(Varnish):
        def _command(self) -> list[str]:
            command = super()._command()
            vcl = self.directory / "default.vcl"
            rewrite = 'sub vcl_recv { if (req.method != "PURGE") { set req.http.Host = "other.test"; } }\n'
            vcl.write_text(vcl.read_text().replace('include "edgeward.vcl";', rewrite + 'include "edgeward.vcl";'))
            return command

    findings = await exam(settings(start(Rewriting)))
    assert findings["object"].health is Health.FAIL
    assert "still there" in findings["object"].said
