"""The main job, played from end to end on real parts, every step checked."""

import http.client
import json
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from edgeward.demo.answer import HOST, Answer
from edgeward.demo.edge import until
from edgeward.demo.photos import Photo, distinct, of_directory, shipped, smaller_webp
from edgeward.demo.report import Report
from edgeward.demo.stage import Placement, Stage
from edgeward.errors import EdgewardError, Exit

RETRIED = 'edgeward_purges_total{cache="varnish",outcome="retried"}'


def run(images: Path | None = None, keep: bool = False, as_json: bool = False) -> int:
    """Play it in both placements, with scikit-image's photographs or those of the directory `images`.

    `keep` leaves everything running until Ctrl-C; `as_json` prints JSON, and the progress to stderr.

    Raises:
        UserError: there are no three photographs that differ.
        Unavailable: Varnish or the store is not installed or does not start.
    """
    photos = distinct(of_directory(images) if images else shipped(), 3)
    report = Report(sys.stderr if as_json else sys.stdout)
    with (
        _ended_by_sigterm(),
        tempfile.TemporaryDirectory(prefix="edgeward-demo-") as directory,
        ExitStack() as kept,
    ):
        for placement in ("front", "fill"):
            with ExitStack() as stages:
                stage = _raise_curtain(Path(directory), placement, report)
                stages.enter_context(stage)
                _play(stage, photos, report)
                if keep:
                    kept.push(stages.pop_all())
                    report.say(_addresses(stage, photos))
        print(json.dumps(report.as_dict(), indent=2) if as_json else f"\n{report.table()}", flush=True)
        if keep:
            _wait_for_interrupt(report)
    return Exit.DONE if report.ok else Exit.FOUND


def _raise_curtain(directory: Path, placement: Placement, report: Report) -> Stage:
    path = {
        "front": "client -> Edgeward -> Varnish -> origin",
        "fill": "client -> Varnish -> Edgeward -> origin",
    }
    report.say(f"\n{placement}: {path[placement]}")
    return Stage(directory / placement, placement)


def _play(stage: Stage, photos: Sequence[Photo], report: Report) -> None:
    try:
        Story(stage, photos, report).play()
    except (EdgewardError, OSError, http.client.HTTPException) as error:
        report.check(stage.placement, "the story came to its end", False, detail=str(error))


class Story:
    """Three photographs: A is listed and allowed again, B is left alone, C is listed during an outage."""

    def __init__(self, stage: Stage, photos: Sequence[Photo], report: Report) -> None:
        self._stage = stage
        self._edge = stage.edge
        self._a, self._b, self._c = photos
        self._small = smaller_webp(self._a)
        self._report = report

    def play(self) -> None:
        for photo in (self._a, self._small, self._b, self._c):
            self._stage.serve(photo)
        self._everything_passes()
        self._edge.create_list("removed")
        self._listing()
        self._neighbour()
        self._allowlist()
        self._outage()

    def _check(self, name: str, held: bool, seconds: float | None = None, detail: str = "") -> None:
        self._report.check(self._stage.placement, name, held, seconds, detail)

    def _everything_passes(self) -> None:
        for name, photo in (
            ("A", self._a),
            ("A as a smaller WebP", self._small),
            ("B", self._b),
            ("C", self._c),
        ):
            first, second = self._stage.get(photo.path), self._stage.get(photo.path)
            same = _is(photo, first) and _is(photo, second)
            self._check(f"{name} passes byte for byte", same, first.seconds, f"{len(photo.body):,} bytes")
            fetched = self._stage.origin.fetches(photo.path)
            cached = second.header("X-Cache") == "HIT" and self._stage.held(photo.path) and fetched == 1
            self._check(f"{name} is cached", cached, second.seconds, f"{fetched} fetch from the origin")

    def _listing(self) -> None:
        """In front a listing acts before any purge is through; in fill it acts by the purge, so it waits."""
        waits = self._stage.placement == "fill"
        started = time.perf_counter()
        added = self._edge.add_image("removed", self._a.body, wait=waits)
        took = time.perf_counter() - started
        waited = "answered when purged everywhere" if waits else "answered when it acts everywhere"
        self._check("A is listed", bool(added["active"]), took, waited)
        for name, photo in (("A", self._a), ("the WebP of A", self._small)):
            answer = self._stage.get(photo.path)
            self._check(
                f"{name} is blocked at once",
                is_blocked(photo, answer),
                answer.seconds,
                f"HTTP {answer.status}",
            )
        for name, photo in (("A", self._a), ("the WebP of A", self._small)):
            self._gone(f"{name} is gone from Varnish", photo, started)
        self._purged("A and its WebP", added, 2, "by Edgeward's own clock")

    def _gone(self, name: str, photo: Photo, since: float) -> None:
        try:
            until(lambda: not self._stage.held(photo.path))
        except TimeoutError as error:
            self._check(name, False, detail=str(error))
        else:
            self._check(name, True, time.perf_counter() - since, "asked directly, past Edgeward")

    def _purged(self, name: str, added: dict[str, Any], targets: int, detail: str) -> None:
        """What Edgeward itself measured: from the listing to the purge that Varnish verified."""
        entries = [entry["id"] for entry in added["entries"]]

        def settled() -> bool:
            purges = [p for p in self._edge.purges_of(entries) if p["cause"] == "listing"]
            return len({p["url"] for p in purges}) == targets and not any(p["owed"] for p in purges)

        try:
            until(settled, pause=0.01)
        except TimeoutError as error:
            self._check(f"{name}: purges verified", False, detail=str(error))
            return
        purges = [p for p in self._edge.purges_of(entries) if p["cause"] == "listing"]
        outcomes = [outcome for purge in purges for outcome in purge["outcomes"].values()]
        verified = all(outcome["delivery"] == "verified" for outcome in outcomes)
        lingered = max(float(outcome["linger_seconds"]) for outcome in outcomes)
        self._check(f"{name}: purges verified", verified, lingered, f"linger, {detail}")

    def _neighbour(self) -> None:
        answer = self._stage.get(self._b.path)
        fetched = self._stage.origin.fetches(self._b.path)
        hit = _is(self._b, answer) and answer.header("X-Cache") == "HIT" and fetched == 1
        self._check("B stays a cache hit", hit, answer.seconds, f"{fetched} fetch from the origin")

    def _allowlist(self) -> None:
        self._edge.create_list("cleared", kind="allow")
        added = self._edge.add_image("cleared", self._a.body)
        self._check("A is put on the allowlist", bool(added["active"]))
        for name, photo in (("A", self._a), ("the WebP of A", self._small)):
            answer = self._stage.get(photo.path)
            self._check(f"{name} passes again", _is(photo, answer), answer.seconds, f"HTTP {answer.status}")

    def _outage(self) -> None:
        """Varnish is frozen, not ended: it keeps what it holds in memory, and would serve it again."""
        self._stage.cache.pause()
        began = time.perf_counter()
        try:
            tries = self._edge.metric(RETRIED)
            added = self._edge.add_image("removed", self._c.body)
            entries = [entry["id"] for entry in added["entries"]]
            until(lambda: self._edge.metric(RETRIED) > tries, pause=0.05)
            owed = [purge for purge in self._edge.purges_of(entries) if purge["owed"]]
            detail = "frozen by SIGSTOP; a purge has failed, and is owed"
            self._check("C is listed while Varnish is stopped", bool(owed), detail=detail)
        finally:
            self._stage.cache.resume()
        outage = time.perf_counter() - began
        self._gone("C is gone when Varnish is back", self._c, time.perf_counter())
        answer = self._stage.get(self._c.path)
        self._check("C is blocked", is_blocked(self._c, answer), answer.seconds, f"HTTP {answer.status}")
        self._purged("C", added, 1, f"of which {outage * 1000:.0f} ms outage")
        self._gone("C stays gone from Varnish", self._c, time.perf_counter())


def _is(photo: Photo, answer: Answer) -> bool:
    return (answer.status, answer.body, answer.header("Content-Type")) == (200, photo.body, photo.media_type)


def is_blocked(photo: Photo, answer: Answer) -> bool:
    return answer.status == 451 and photo.body not in answer.body and answer.header("Cache-Control") == "no-store"


def _addresses(stage: Stage, photos: Sequence[Photo]) -> str:
    paths = " ".join(photo.path for photo in photos)
    return (
        f"  clients   http://{stage.door}   (curl -i -H 'Host: {HOST}' ...; {paths})\n"
        f"  varnish   {stage.cache.url}\n"
        f"  origin    http://{stage.origin.address}\n"
        f"  admin     http://{stage.edge.admin}\n"
        f"  commands  EDGEWARD_CONFIG={stage.edge.config} edgeward lists"
    )


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """SIGTERM ends the play as Ctrl-C does, so that it leaves nothing running."""

    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _wait_for_interrupt(report: Report) -> None:
    report.say("\neverything goes on running; Ctrl-C ends it")
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        report.say("")
