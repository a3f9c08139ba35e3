"""Verified, found nothing, accepted, refused and owed are five words: in commands, the API, receipts and metrics, and
for the exit status of --wait."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.scenarios.told_caches import HOST, Cold, PlainVarnish, Running, running_with, section, store
from tests.support.controllers import photo
from tests.support.real_caches import address_of

from edgeward.demo.caches import Nginx, Squid, TrafficServer, Varnish
from edgeward.types.outcome_words import WORDS, Word

REAL = (Varnish, Nginx, Squid, TrafficServer)
REMOVALS = ("purge", "takedown")
COMMANDS = (*REMOVALS, "add", "import")
PHOTOS = {"purge": "chelsea", "takedown": "coffee", "add": "rocket", "import": "moon"}
"""A photograph for each command, so that none concerns what another listed."""
NO_KEY_CHECKS = {"check_keys_seconds": 0}
"""A check stores and purges what was seen: a purge beside it finds a copy more or less."""

BAD_ANSWERS = {
    ("varnish", 200): Word.REFUSED,
    ("varnish", 301): Word.REFUSED,
    ("varnish", 403): Word.REFUSED,
    ("varnish", 404): Word.REFUSED,
    ("varnish", 501): Word.REFUSED,
    ("varnish", 503): Word.OWED,
    ("nginx", 200): Word.OWED,
    ("nginx", 301): Word.REFUSED,
    ("nginx", 403): Word.REFUSED,
    ("nginx", 404): Word.REFUSED,
    ("nginx", 501): Word.REFUSED,
    ("nginx-plus", 200): Word.REFUSED,
    ("nginx-plus", 404): Word.REFUSED,
    ("squid", 200): Word.OWED,
    ("squid", 301): Word.REFUSED,
    ("squid", 404): Word.OWED,
    ("trafficserver", 200): Word.OWED,
    ("trafficserver", 403): Word.REFUSED,
    ("trafficserver", 404): Word.OWED,
    ("souin", 200): Word.REFUSED,
    ("souin", 404): Word.REFUSED,
}
"""What becomes of a purge at a web server in place of a cache of this kind, which answers everything so."""


@contextmanager
def _web_server(status: int) -> Iterator[tuple[str, int]]:
    """A web server that answers every request with this status."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_PURGE = do_GET  # noqa: N815 - the name that the base class looks for

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield address_of(server)
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def _servers(statuses: list[int]) -> Iterator[dict[int, tuple[str, int]]]:
    with ExitStack() as stack:
        yield {status: stack.enter_context(_web_server(status)) for status in statuses}


class _PassingVarnish(Varnish):
    """A Varnish that passes every PURGE on to its origin."""

    def _command(self) -> list[str]:
        arguments = super()._command()
        host, port = self.backend
        (self.directory / "default.vcl").write_text(
            f'vcl 4.1; backend default {{ .host = "{host}"; .port = "{port}"; }} sub vcl_recv {{ return (pass); }}'
        )
        return arguments


def _run(running: Running, command: str, path: str, picture: Path, *options: str) -> tuple[int, str]:
    """Purge or take down `path`, or list a picture that was seen there, and wait."""
    if command == "import":
        picture.with_suffix(".txt").write_text(f"sha256:{_sha256(picture)}\n")
        subject = ["removed", str(picture.with_suffix(".txt"))]
    elif command == "add":
        subject = ["removed", "--image", str(picture)]
    else:
        subject = [f"http://{HOST}{path}"]
    return running.command(command, *subject, "--wait", *options)


def _sha256(picture: Path) -> str:
    return hashlib.sha256(picture.read_bytes()).hexdigest()


def _prepare(running: Running, directory: Path, command: str) -> tuple[str, Path]:
    """A picture of its own for a command, which was seen."""
    path, picture = f"/{command}.jpg", directory / f"{command}.jpg"
    picture.write_bytes(photo(PHOTOS[command]))
    running.see(path, picture.read_bytes())
    return path, picture


def _words(running: Running, path: str, scheme: str = "http") -> dict[str, str]:
    """The words for the latest purge of a path, by cache. One that owes it and was not tried has none yet."""
    purges = running.api.get("/purges", limit=1000).json["purges"]
    latest = next(each for each in purges if each["url"] == f"{scheme}://{HOST}{path}")
    return {**dict.fromkeys(latest["owed"], "owed"), **{name: o["word"] for name, o in latest["outcomes"].items()}}


def _counted(running: Running, cache: str, word: Word) -> float:
    """What the metric of the table counts for this cache and word."""
    name, _, label = WORDS[word].metric.rstrip("}").partition("{")
    lines = [
        line
        for line in running.api.get("/metrics").body.decode().splitlines()
        if line.startswith(f"{name}{{") and f'cache="{cache}"' in line and label in line
    ]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


def _receipt_states(running: Running) -> list[str]:
    return [each["receipt_state"] for each in running.api.get("/takedowns").json["takedowns"]]


def test_real_caches_that_had_copies_and_then_have_none(
    redis_url: str, tmp_path: Path, cold: Cold, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first command of each kind removes copies: verified, with status 0. After that every cache is asked and has
    none: purge and takedown found nothing, with status 1; to add and import that is welcome, with status 0."""
    caches = [cold(kind) for kind in REAL]
    for cache in caches:
        cache.start()
    named = {f"real-{cache.driver}": cache for cache in caches}
    sections = [section(cache, name=name) for name, cache in named.items()]
    with running_with(redis_url, tmp_path, capsys, *sections, purge=NO_KEY_CHECKS) as running:
        running.api.post("/lists", {"name": "removed"})
        for command in COMMANDS:
            path, picture = _prepare(running, tmp_path, command)
            for cache in caches:
                store(cache, path)
            status, printed = _run(running, command, path, picture)
            assert (status, "found nothing" in printed) == (0, False), printed
            # A takedown has an order for each scheme. These caches have one object for both, which either may meet.
            schemes = ("http", "https") if command == "takedown" else ("http",)
            words = [_words(running, path, scheme) for scheme in schemes]
            assert {name for each in words for name, word in each.items() if word == Word.VERIFIED} == set(named)
            assert {word for each in words for word in each.values()} <= {Word.VERIFIED, Word.FOUND_NOTHING}
            assert all(_counted(running, name, Word.VERIFIED) for name in named)
        for command in REMOVALS:
            status, printed = _run(running, command, f"/{command}.jpg", tmp_path)
            assert (status, "found nothing" in printed, "gone" in printed) == (1, True, False), printed
            assert _words(running, f"/{command}.jpg") == dict.fromkeys(named, Word.FOUND_NOTHING)
        assert _receipt_states(running) == ["found_nothing", "gone"]
        assert all(_counted(running, name, Word.FOUND_NOTHING) for name in named)
        for number, (command, name) in enumerate({"add": "camera", "import": "astronaut"}.items()):
            picture = tmp_path / f"uncached{number}.jpg"
            picture.write_bytes(photo(name))
            running.see(f"/uncached{number}.jpg", picture.read_bytes())
            status, printed = _run(running, command, "", picture)
            assert (status, "found nothing" in printed, "gone" in printed) == (0, True, False), printed
            assert _words(running, f"/uncached{number}.jpg") == dict.fromkeys(named, Word.FOUND_NOTHING)


@pytest.mark.parametrize("enough", [False, True])
def test_a_cache_that_only_accepts_beside_one_that_verifies(
    redis_url: str, tmp_path: Path, cold: Cold, capsys: pytest.CaptureFixture[str], enough: bool
) -> None:
    """The words are the same whether the operator has said that accepted is enough or not. The status is not."""
    plain, full = cold(PlainVarnish), cold(Varnish)
    for cache in (plain, full):
        cache.start()
    name = f"plain-{enough}"
    sections = [section(plain, name=name, accepted_is_enough=enough), section(full, name="full")]
    with running_with(redis_url, tmp_path, capsys, *sections, purge=NO_KEY_CHECKS) as running:
        running.api.post("/lists", {"name": "removed"})
        for command in COMMANDS:
            path, picture = _prepare(running, tmp_path, command)
            store(full, path)
            status, printed = _run(running, command, path, picture)
            assert (status, f"accepted, not verified: {name}" in printed) == (int(not enough), not enough), printed
            assert "gone" not in printed
            assert "done and verified" not in printed
            assert _words(running, path) == {name: Word.ACCEPTED, "full": Word.VERIFIED}
            if command != "purge":
                assert " verified, " in printed
                assert f" accepted by {name}" in printed
        assert _receipt_states(running) == ["accepted"]
        assert _counted(running, name, Word.ACCEPTED) >= len(COMMANDS)


def test_web_servers_in_place_of_caches(
    redis_url: str, tmp_path: Path, cold: Cold, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever they answer, no purge is verified, accepted or found nothing. No command ends with 0. All are named."""
    statuses = sorted({status for _, status in BAD_ANSWERS})
    expected: dict[str, Word] = {f"{kind}-{status}": word for (kind, status), word in BAD_ANSWERS.items()}
    with _servers(statuses) as addresses:
        sections: list[dict[str, Any]] = [
            {"name": f"{kind}-{status}", "driver": kind, "url": f"http://{addresses[status][0]}:{addresses[status][1]}"}
            for kind, status in BAD_ANSWERS
        ]
        passing = cold(_PassingVarnish)
        passing.backend = addresses[200]
        passing.start()
        sections.append(section(passing, name="varnish-passing"))
        expected["varnish-passing"] = Word.REFUSED
        with running_with(redis_url, tmp_path, capsys, *sections, purge=NO_KEY_CHECKS) as running:
            running.api.post("/lists", {"name": "removed"})
            for command in COMMANDS:
                path, picture = _prepare(running, tmp_path, command)
                status, printed = _run(running, command, path, picture, "--timeout", "4")
                assert status == 1, printed
                assert "gone" not in printed.replace("not gone", "")
                assert _words(running, path) == expected
                for name, word in expected.items():
                    said = "still owes" if word is Word.OWED else "refuses"
                    assert f"{name} {said}" in printed, printed
            assert _receipt_states(running) == ["owed"] or _receipt_states(running) == ["purging"]
            assert {name for name, word in expected.items() if not _counted(running, name, word)} == set()
            _, printed = running.command("purges", "--json")
            (first, *_) = json.loads(printed)["purges"]
            assert "BaseHTTP" in first["outcomes"]["varnish-200"]["detail"]
            assert "BaseHTTP" in first["outcomes"]["squid-200"]["detail"]
