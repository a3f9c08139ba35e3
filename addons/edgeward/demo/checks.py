"""The demonstration: Edgeward's main job from end to end with real parts, and a check for each step."""

import http.client
import json
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from edgeward.demo.edge import until
from edgeward.demo.http_client import HOST, HttpResponse
from edgeward.demo.photos import Photo, builtin_photos, first_distinct, photos_in, smaller_webp
from edgeward.demo.programme_list import OTHERS, programme_list
from edgeward.demo.report import Report
from edgeward.demo.stack import Placement, Stack
from edgeward.errors import EdgewardError, Exit

REQUEST_PATHS: Mapping[Placement, str] = {
    "front": "client -> Edgeward -> Varnish -> origin",
    "fill": "client -> Varnish -> Edgeward -> origin",
}
RETRIED_PURGES = 'edgeward_purges_total{cache="varnish",outcome="retried"}'


def run(images: Path | None = None, keep: bool = False, as_json: bool = False) -> int:
    """Run the demonstration in both placements, with scikit-image's photographs or those in the directory `images`.

    `keep`: leave everything running until Ctrl-C. `as_json`: print the report as JSON, and the progress to stderr.
    Returns the exit status.

    Raises:
        UserError: there are not three photographs that differ.
        ConfigError, Unavailable: Varnish or the store is not installed, or does not start.
    """
    photos = first_distinct(photos_in(images) if images else builtin_photos(), 3)
    report = Report(sys.stderr if as_json else sys.stdout)
    with (
        _exit_on_sigterm(),
        tempfile.TemporaryDirectory(prefix="edgeward-demo-") as directory,
        ExitStack() as running,
    ):
        for placement in REQUEST_PATHS:
            with ExitStack() as parts:
                report.say(f"\n{placement}: {REQUEST_PATHS[placement]}")
                stack = parts.enter_context(Stack(Path(directory) / placement, placement))
                _run_checks(stack, photos, report)
                if keep:
                    running.push(parts.pop_all())
                    report.say(_address_lines(stack, photos))
        print(json.dumps(report.as_dict(), indent=2) if as_json else f"\n{report.table()}", flush=True)
        if keep:
            _wait_for_interrupt(report)
    return Exit.DONE if report.ok else Exit.FOUND


def _run_checks(stack: Stack, photos: Sequence[Photo], report: Report) -> None:
    try:
        DemoChecks(stack, photos, report).run()
    except (EdgewardError, OSError, http.client.HTTPException) as error:
        report.check(stack.placement, "the demonstration ran to its end", False, detail=str(error))


class DemoChecks:
    """Three photographs: A is listed and later allowed, B is never listed, C is listed while the cache is down."""

    def __init__(self, stack: Stack, photos: Sequence[Photo], report: Report) -> None:
        self._stack = stack
        self._edge = stack.edge
        self._a, self._b, self._c = photos
        self._small = smaller_webp(self._a)
        self._report = report

    def run(self) -> None:
        """Make all checks, in the order in which they build on each other."""
        for photo in (self._a, self._small, self._b, self._c):
            self._stack.serve(photo)
        self._check_delivery()
        self._edge.create_list("removed")
        self._check_listing()
        self._check_other_photo()
        self._check_import()
        self._check_allowlist()
        self._check_outage()

    def _check(self, name: str, held: bool, seconds: float | None = None, detail: str = "") -> None:
        self._report.check(self._stack.placement, name, held, seconds, detail)

    def _check_delivery(self) -> None:
        """Each photograph is delivered unchanged, and the second request for it is answered from the cache."""
        for name, photo in (
            ("A", self._a),
            ("A as a smaller WebP", self._small),
            ("B", self._b),
            ("C", self._c),
        ):
            first, second = self._stack.get(photo.path), self._stack.get(photo.path)
            same = _is_unchanged(photo, first) and _is_unchanged(photo, second)
            self._check(f"{name} passes byte for byte", same, first.seconds, f"{len(photo.body):,} bytes")
            fetched = self._stack.origin.fetches(photo.path)
            cached = second.header("X-Cache") == "HIT" and self._stack.held(photo.path) and fetched == 1
            self._check(f"{name} is cached", cached, second.seconds, f"{fetched} fetch from the origin")

    def _check_listing(self) -> None:
        """List A. In front it is blocked before any purge is done. In fill the purge blocks it, so wait for that."""
        waits = self._stack.placement == "fill"
        started = time.perf_counter()
        added = self._edge.add_image("removed", self._a.body, wait=waits)
        took = time.perf_counter() - started
        meaning = "answered when purged everywhere" if waits else "answered when active everywhere"
        self._check("A is listed", bool(added["active"]), took, meaning)
        for name, photo in (("A", self._a), ("the WebP of A", self._small)):
            answer = self._stack.get(photo.path)
            self._check(
                f"{name} is blocked at once",
                is_blocked(photo, answer),
                answer.seconds,
                f"HTTP {answer.status}",
            )
        for name, photo in (("A", self._a), ("the WebP of A", self._small)):
            self._check_gone(f"{name} is gone from Varnish", photo, started)
        self._check_purges("A and its WebP", added, 2, "measured by Edgeward")

    def _check_gone(self, name: str, photo: Photo, since: float) -> None:
        try:
            until(lambda: not self._stack.held(photo.path))
        except TimeoutError as error:
            self._check(name, False, detail=str(error))
        else:
            self._check(name, True, time.perf_counter() - since, "checked in Varnish itself")

    def _check_purges(self, name: str, added: dict[str, Any], targets: int, detail: str) -> None:
        """Check Edgeward's own measurement: from the listing to the purge that Varnish verified."""
        entries = [entry["id"] for entry in added["entries"]]

        def all_done() -> bool:
            purges = [p for p in self._edge.purges_of(entries) if p["cause"] == "listing"]
            return len({p["url"] for p in purges}) == targets and not any(p["owed"] for p in purges)

        try:
            until(all_done, pause=0.01)
        except TimeoutError as error:
            self._check(f"{name}: purges verified", False, detail=str(error))
            return
        purges = [p for p in self._edge.purges_of(entries) if p["cause"] == "listing"]
        outcomes = [outcome for purge in purges for outcome in purge["outcomes"].values()]
        verified = all(outcome["delivery"] == "verified" for outcome in outcomes)
        lingered = max(float(outcome["linger_seconds"]) for outcome in outcomes)
        self._check(f"{name}: purges verified", verified, lingered, f"linger; {detail}")

    def _check_other_photo(self) -> None:
        """B, which is not listed, was not purged with A."""
        answer = self._stack.get(self._b.path)
        fetched = self._stack.origin.fetches(self._b.path)
        hit = _is_unchanged(self._b, answer) and answer.header("X-Cache") == "HIT" and fetched == 1
        self._check("B stays a cache hit", hit, answer.seconds, f"{fetched} fetch from the origin")

    def _check_import(self) -> None:
        """A file as a programme ships it lists B. What another radius would match is asked; then it is undone."""
        self._edge.create_list("programme")
        file, began = programme_list([self._b.body]), time.perf_counter()
        wait = "?wait=verified&timeout=30&reason=demonstration"
        job = self._edge.api("POST", f"/lists/programme/imports{wait}", body=file)["job"]
        left_out = sum(each["count"] for each in job["left_out"])
        detail = f"{job['format_title']}: {job['added']} hashes, {left_out} of a video left out"
        listed = job["format"] == "ncmec" and job["state"] == "done" and job["added"] == 2 * (1 + OTHERS)
        self._check("a programme's file is imported", listed, time.perf_counter() - began, detail)
        answer = self._stack.get(self._b.path)
        self._check("B is blocked by it", is_blocked(self._b, answer), answer.seconds, f"HTTP {answer.status}")
        self._check_gone("B is gone from Varnish", self._b, began)
        found = self._edge.api("GET", "/lists/programme/what-if?radius=pdq=40")
        detail = f"{found['would_match']} of {found['images']} images seen"
        self._check("what-if says what it would match", found["would_match"] == 1, detail=detail)
        undone = self._edge.api("DELETE", f"/acts/{job['id']}?why=demonstration")
        self._check("the import is undone", undone["act"]["removed"] == job["added"])
        answer = self._stack.get(self._b.path)
        self._check("B passes again", _is_unchanged(self._b, answer), answer.seconds, f"HTTP {answer.status}")

    def _check_allowlist(self) -> None:
        """An allowlist lets A pass although it is still on the block list."""
        self._edge.create_list("cleared", kind="allow")
        added = self._edge.add_image("cleared", self._a.body)
        self._check("A is put on the allowlist", bool(added["active"]))
        for name, photo in (("A", self._a), ("the WebP of A", self._small)):
            answer = self._stack.get(photo.path)
            self._check(f"{name} passes again", _is_unchanged(photo, answer), answer.seconds, f"HTTP {answer.status}")

    def _check_outage(self) -> None:
        """List C while Varnish is frozen (SIGSTOP). It keeps its memory, and would serve C again afterwards."""
        self._stack.cache.pause()
        began = time.perf_counter()
        try:
            tries = self._edge.metric(RETRIED_PURGES)
            added = self._edge.add_image("removed", self._c.body)
            entries = [entry["id"] for entry in added["entries"]]
            until(lambda: self._edge.metric(RETRIED_PURGES) > tries, pause=0.05)
            owed = [purge for purge in self._edge.purges_of(entries) if purge["owed"]]
            detail = "frozen by SIGSTOP; a purge has failed and is still owed"
            self._check("C is listed while Varnish is down", bool(owed), detail=detail)
        finally:
            self._stack.cache.resume()
        outage = time.perf_counter() - began
        self._check_gone("C is gone once Varnish is back", self._c, time.perf_counter())
        answer = self._stack.get(self._c.path)
        self._check("C is blocked", is_blocked(self._c, answer), answer.seconds, f"HTTP {answer.status}")
        self._check_purges("C", added, 1, f"the outage took {outage * 1000:.0f} ms")
        self._check_gone("C stays gone from Varnish", self._c, time.perf_counter())


def _is_unchanged(photo: Photo, answer: HttpResponse) -> bool:
    """Whether a response delivers the photograph byte for byte."""
    return (answer.status, answer.body, answer.header("Content-Type")) == (200, photo.body, photo.media_type)


def is_blocked(photo: Photo, answer: HttpResponse) -> bool:
    """Whether a response refuses the photograph: 451, without its bytes, and not to be stored by caches."""
    return answer.status == 451 and photo.body not in answer.body and answer.header("Cache-Control") == "no-store"


def _address_lines(stack: Stack, photos: Sequence[Photo]) -> str:
    paths = " ".join(photo.path for photo in photos)
    return (
        f"  clients   http://{stack.client_address}   (curl -i -H 'Host: {HOST}' ...; {paths})\n"
        f"  varnish   {stack.cache.url}\n"
        f"  origin    http://{stack.origin.address}\n"
        f"  admin     http://{stack.edge.admin}\n"
        f"  commands  EDGEWARD_CONFIG={stack.edge.config} edgeward lists"
    )


@contextmanager
def _exit_on_sigterm() -> Iterator[None]:
    """Exit on SIGTERM as on Ctrl-C, so that nothing is left running."""

    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _wait_for_interrupt(report: Report) -> None:
    report.say("\nEverything keeps running; Ctrl-C ends it.")
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        report.say("")
