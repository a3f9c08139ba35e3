"""What must hold when everything is up again and quiet: nothing lost, nothing left, nothing else harmed."""

import random
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.chaos.book import Book
from tests.chaos.clients import Ask
from tests.chaos.desk import Desk
from tests.chaos.ledger import Order
from tests.chaos.pictures import Picture, Variant
from tests.chaos.site import LIST, Site, is_ready

from edgeward.demo.answer import ask
from edgeward.demo.origin import PROBE
from edgeward.errors import EdgewardError

QUIET_SECONDS = 90.0
"""So long may it take until nothing is owed any more."""
FINAL = ("verified", "delivered")
PROBERS = 8
PAGE = 1000

type Copy = tuple[str, Picture, Variant]
"""A cache that holds a picture, and how it was asked for."""


class Inspection:
    """Looks at a site whose parts are all up, and at what is in the book."""

    def __init__(self, site: Site, pictures: Sequence[Picture], book: Book, asks: Iterable[Ask]):
        self._site, self._pictures, self._book = site, pictures, book
        self._asks: dict[int, dict[Variant, list[Ask]]] = {}
        for each in asks:
            self._asks.setdefault(each.number, {}).setdefault(each.variant, []).append(each)
        self._desk = Desk(site.states, random.Random(0))

    def wait_until_quiet(self) -> float:
        """Wait until nothing is owed and nothing listed is held, for QUIET_SECONDS at most; the seconds that took."""
        began = time.monotonic()
        while time.monotonic() - began < QUIET_SECONDS:
            with suppress(EdgewardError):
                if self._is_quiet() and not self.left():
                    break
            time.sleep(1)
        return time.monotonic() - began

    def _is_quiet(self) -> bool:
        status = self._desk.call("GET", "/status")
        owed = sum(cache["pending"] for cache in status["caches"])
        return not owed and status["retro_version"] == status["version"] and not self.unfinished() and not self._open()

    def _open(self) -> bool:
        """Whether anything is still to be listed or ordered: also what nobody had an answer to may be on record."""
        takedowns = self._desk.call("GET", f"/takedowns?limit={PAGE}")["takedowns"]
        jobs = self._desk.call("GET", f"/jobs?limit={PAGE}")["jobs"]
        return any(each["state"] != "placed" for each in takedowns) or any(job["state"] != "done" for job in jobs)

    def unfinished(self) -> list[str]:
        """Takedowns and imports that were acknowledged and have not come to their end, or are gone."""
        found = []
        for takedown_id in self._book.takedowns:
            receipt = self._known(f"/takedowns/{takedown_id}?limit=1")
            if not receipt or receipt["summary"]["state"] != "gone" or receipt["takedown"]["trouble"]:
                found.append(f"takedown {takedown_id}: {receipt and receipt['summary']}")
        for job_id in self._book.jobs:
            job = self._known(f"/jobs/{job_id}")
            if not job or job["state"] != "done" or job["listed"] != job["total"] or job["owed"]:
                found.append(f"import {job_id}: {job}")
        return found

    def _known(self, path: str) -> Any:
        with suppress(EdgewardError):
            return self._desk.call("GET", path)
        return None

    def lost(self) -> tuple[int, list[str]]:
        """(orders on record, what was acknowledged and is not there, or not done by every cache)."""
        orders = list(self._site.ledger.orders())
        known = {order.id for order in orders}
        found = [f"order {order_id} was acknowledged and is gone" for order_id in self._book.orders.keys() - known]
        found += [f"order {order.id}: {cache} has not done it" for order in orders for cache in self._owing(order)]
        listed = {picture.number for picture in self.listed()}
        promised = self._book.promised().keys() - listed
        return len(orders), [*found, *(f"picture {number} is not on the list" for number in sorted(promised))]

    def _owing(self, order: Order) -> Iterator[str]:
        for cache in self._site.caches:
            if order.outcomes.get(cache, {}).get("delivery") not in FINAL:
                yield cache

    def listed(self) -> list[Picture]:
        """Pictures that an entry of the list names, whoever got it there."""
        values: set[str] = set()
        cursor, first = 0, True
        while cursor or first:
            page = self._desk.call("GET", f"/lists/{LIST}/entries?cursor={cursor}&limit={PAGE}")
            values.update(entry["value"] for entry in page["entries"])
            cursor, first = page["cursor"], False
        return [picture for picture in self._pictures if {picture.sha256, picture.pdq} & values]

    def left(self) -> list[Copy]:
        """Copies of listed pictures that a cache still holds, under whatever they were ever asked for."""
        questions = [
            (name, picture, variant)
            for picture in self.listed()
            for variant in self._asks.get(picture.number, ())
            for name in self._site.caches
        ]
        with ThreadPoolExecutor(PROBERS) as pool:
            held = pool.map(self._holds, questions)
            return [question for question, holds in zip(questions, held, strict=True) if holds]

    def _holds(self, question: Copy) -> bool:
        name, _, variant = question
        host, port = self._site.caches[name].address
        headers = {**variant.headers, "Cache-Control": "only-if-cached", PROBE: "1"}
        return ask(f"{host}:{port}", variant.target, headers=headers).status == 200

    def history(self, copy: Copy) -> str:
        """Which copy it is, when the picture was listed, and when and with what answer the copy was asked for last."""
        name, picture, variant = copy
        since = self._book.of(picture.number).since
        last = [
            f"{_clock(each.began)} to {_clock(each.ended)} at {each.door}: {each.status}"
            for each in self._asks[picture.number][variant][-4:]
        ]
        what = f"{name} holds picture {picture.number} (listed {_clock(since)}) as {variant}"
        return "; ".join([what, *last])

    def cached(self) -> int:
        """Copies of pictures that are not listed: the probe finds what is there."""
        listed = {picture.number for picture in self.listed()}
        some = [p for p in self._pictures if p.number not in listed and p.number in self._asks]
        questions = [(name, p, v) for p in some for v in self._asks[p.number] for name in self._site.caches]
        with ThreadPoolExecutor(PROBERS) as pool:
            return sum(pool.map(self._holds, questions))

    def wrong_answers(self) -> list[str]:
        """Listed pictures that a door does not refuse, and others that it does not show. It fills the caches: last."""
        listed = {picture.number for picture in self.listed()}
        found = []
        for picture in self._pictures:
            for door in self._site.doors:
                wrong = self._wrong(door, picture, picture.number in listed)
                if wrong:
                    time.sleep(1)  # a Squid that is just purging may say 410 for a moment
                    wrong = self._wrong(door, picture, picture.number in listed)
                found += [f"picture {picture.number} at {door}: {wrong}"] if wrong else []
        return found

    @staticmethod
    def _wrong(door: str, picture: Picture, listed: bool) -> str:
        variant = picture.variants[0]
        answer = ask(door, variant.target, headers=variant.headers)
        if listed:
            return "" if answer.status == 451 else f"{answer.status}, and it is listed"
        return "" if answer.status == 200 and answer.body == picture.body else f"{answer.status}, and it is not listed"

    def defects(self) -> list[str]:
        """What Edgeward's own counters and logs say went wrong in it."""
        found = [f"{path.stem}: {line}" for path in self._site.logs for line in _tracebacks(path)]
        for state in self._site.states:
            address = Desk.address(state)
            for line in ask(address, "/metrics").body.decode().splitlines():
                if (
                    re.match(r"edgeward_(gate_errors|sightings_dropped)_total(\{.*\})? ", line)
                    and line.split()[-1] != "0.0"
                ):
                    found.append(line)
        return found

    def slowest(self) -> float:
        """The longest time from the acknowledgement of a listing to its copies gone from every cache, in seconds."""
        since = {signal.partition(":")[2]: listing.since for signal, listing in self._signals()}
        longest = 0.0
        for order in self._site.ledger.orders():
            acknowledged = since.get(order.data.get("sha256", ""), 0.0)
            if order.data["cause"] == "listing" and acknowledged:
                done = max((outcome["at"] for outcome in order.outcomes.values()), default=0.0)
                longest = max(longest, done - acknowledged)
        return longest

    def _signals(self) -> Iterator[tuple[str, Any]]:
        by_number = {picture.number: picture for picture in self._pictures}
        for number, listing in self._book.promised().items():
            yield by_number[number].signals[0], listing

    def everything_up(self) -> None:
        """Wait until every door and every controller answers."""
        deadline = time.monotonic() + QUIET_SECONDS
        while not all(map(_answers, [*self._site.doors])) or not all(map(self._has_controller, self._site.states)):
            if time.monotonic() > deadline:
                raise TimeoutError("not everything came up again")
            time.sleep(0.2)

    @staticmethod
    def _has_controller(state: Path) -> bool:
        with suppress(OSError, ValueError):
            return is_ready(Desk.address(state))
        return False


def _clock(at: float) -> str:
    """Of the day (UTC), in seconds to three digits."""
    return f"{time.strftime('%H:%M:%S', time.gmtime(at))}.{int(at % 1 * 1000):03d}" if at else "never"


def _answers(door: str) -> bool:
    with suppress(OSError):
        return ask(door, "/nothing-here").status == 404
    return False


def _tracebacks(log: Path) -> list[str]:
    """The last line of each traceback."""
    text = log.read_text(errors="replace")
    return [
        part.strip().splitlines()[0]
        for part in re.split(r"Traceback \(most recent call last\):\n(?:[ \t].*\n)*", text)[1:]
    ]
