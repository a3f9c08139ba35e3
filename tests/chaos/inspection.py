"""The checks at the end of a run, when everything is up and all work is done: nothing lost, left or harmed."""

import http.client
import random
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.chaos.admin_client import AdminClient
from tests.chaos.clients import ClientRequest
from tests.chaos.deployment import LIST, Deployment, is_ready
from tests.chaos.expected_state import ExpectedState
from tests.chaos.pictures import Picture, Variant
from tests.chaos.stored_orders import Order
from tests.support.eventually import until

from edgeward.demo.http_client import ask
from edgeward.demo.origin import PROBE
from edgeward.errors import EdgewardError

MAX_QUIET_SECONDS = 90.0
"""How long the deployment may take until no purge is owed any more."""
FINAL = ("verified", "delivered")
"""Of an order by prefix or tag `unsupported` is final too: each target that is known has an order of its own."""
SETTLED = ("gone", "found_nothing", "nothing", "inactive", "unknown")
"""Of a takedown: nothing is owed or refused. `unknown`: sightings were lost; `left` looks at the caches."""
NO_ANSWER = "no answer"
PROBE_THREADS = 8
PAGE = 1000

type Copy = tuple[str, Picture, Variant]
"""A cache that holds a picture, and the request under which it does."""


class Inspection:
    """Compares a deployment whose components are all up with what was acknowledged."""

    def __init__(
        self,
        deployment: Deployment,
        pictures: Sequence[Picture],
        expected: ExpectedState,
        requests: Iterable[ClientRequest],
    ):
        self._deployment, self._pictures, self._expected = deployment, pictures, expected
        self._requests: dict[int, dict[Variant, list[ClientRequest]]] = {}
        for each in requests:
            self._requests.setdefault(each.number, {}).setdefault(each.variant, []).append(each)
        self._admin = AdminClient(deployment.state_dirs, random.Random(0))

    def wait_until_quiet(self) -> float:
        """Wait until nothing is owed and no cache holds a listed picture, or time is up; the seconds that took."""
        try:
            return until(self._is_quiet_and_clean, seconds=MAX_QUIET_SECONDS, pause=1)
        except AssertionError:  # what is missing then is found by the checks themselves
            return MAX_QUIET_SECONDS

    def _is_quiet_and_clean(self) -> bool:
        with suppress(EdgewardError):
            return self._is_quiet() and not self.left()
        return False

    def _is_quiet(self) -> bool:
        status = self._admin.call("GET", "/status")
        owed = sum(cache["pending"] for cache in status["caches"])
        return not owed and status["retro_version"] == status["version"] and not self.unfinished() and not self._open()

    def _open(self) -> bool:
        """Whether a takedown or an import is still in progress, those without an answer included."""
        takedowns = self._admin.call("GET", f"/takedowns?limit={PAGE}")["takedowns"]
        jobs = self._admin.call("GET", f"/jobs?limit={PAGE}")["jobs"]
        ended = ("done", "failed")
        return any(each["state"] != "placed" for each in takedowns) or any(job["state"] not in ended for job in jobs)

    def unfinished(self) -> list[str]:
        """Takedowns and imports that were acknowledged and are not complete, or not on record."""
        found = []
        for takedown_id in self._expected.takedowns:
            receipt = self._found(f"/takedowns/{takedown_id}?limit=1")
            undone = takedown_id in self._expected.undone
            if (
                not receipt
                or receipt["summary"]["state"] not in SETTLED
                or (receipt["takedown"]["error"] and not undone)
            ):
                found.append(f"takedown {takedown_id}: {receipt and receipt['summary']}")
        for job_id in self._expected.jobs.keys() - self._expected.undone:
            job = self._found(f"/jobs/{job_id}")
            if not job or job["state"] != "done" or job["listed"] != job["total"] or job["owed"] or job["refused"]:
                found.append(f"import {job_id}: {job}")
        return found

    def _found(self, path: str) -> Any:
        with suppress(EdgewardError):
            return self._admin.call("GET", path)
        return None

    def lost(self) -> tuple[int, list[str]]:
        """(orders on record, what was acknowledged and is not on record or not done by every cache)."""
        orders = list(self._deployment.stored_orders.orders())
        known = {order.id for order in orders}
        found = [f"order {order_id} was acknowledged and is gone" for order_id in self._expected.orders.keys() - known]
        found += [
            f"order {order.id}: {cache} has not done it" for order in orders for cache in self._caches_owing(order)
        ]
        listed = {picture.number for picture in self.listed()}
        acknowledged_listings = self._expected.acknowledged_listings().keys() - listed
        return len(orders), [
            *found,
            *(f"picture {number} is not on the list" for number in sorted(acknowledged_listings)),
        ]

    def _caches_owing(self, order: Order) -> Iterator[str]:
        for cache in self._deployment.caches:
            if not is_final(order, order.outcomes.get(cache, {}).get("delivery")):
                yield cache

    def listed(self) -> list[Picture]:
        """Pictures that any entry of the list names."""
        entries = self._entries()
        return [picture for picture in self._pictures if {picture.sha256, picture.pdq} & entries.keys()]

    def _entries(self) -> dict[str, str]:
        """The id of each entry of the list, by its hash."""
        entries: dict[str, str] = {}
        cursor, first = 0, True
        while cursor or first:
            page = self._admin.call("GET", f"/lists/{LIST}/entries?cursor={cursor}&limit={PAGE}")
            entries.update({entry["value"]: entry["id"] for entry in page["entries"]})
            cursor, first = page["cursor"], False
        return entries

    def left(self) -> list[Copy]:
        """Copies of listed pictures that a cache still holds, under any request that was ever made.

        Without those of which Edgeward says that they may be there: it has noticed that sightings were lost, and every
        receipt of the picture says "unknown". An operator would have to empty the caches.
        """
        entries = self._entries()
        listed = [picture for picture in self._pictures if {picture.sha256, picture.pdq} & entries.keys()]
        probes = [
            (name, picture, variant)
            for picture in listed
            for variant in self._requests.get(picture.number, ())
            for name in self._deployment.caches
        ]
        with ThreadPoolExecutor(PROBE_THREADS) as pool:
            held = [probe for probe, holds in zip(probes, pool.map(self._holds, probes), strict=True) if holds]
        pictures = {picture.number: picture for _, picture, _ in held}
        unknown = {number for number, picture in pictures.items() if self._is_unknown(picture, entries)}
        return [copy for copy in held if copy[1].number not in unknown]

    def _is_unknown(self, picture: Picture, entries: Mapping[str, str]) -> bool:
        """Whether everything says that copies of the picture may be left."""
        if not self._admin.call("POST", "/store/refill", {"why": "chaos"})["sightings_lost"]:
            return False
        ids = [entries[value] for value in (picture.sha256, picture.pdq) if value in entries]
        return all(self._admin.call("GET", f"/entries/{each}/receipt?limit=1")["state"] == "unknown" for each in ids)

    def _holds(self, probe: Copy) -> bool:
        name, _, variant = probe
        host, port = self._deployment.caches[name].address
        headers = {**variant.headers, "Cache-Control": "only-if-cached", PROBE: "1"}
        return ask(f"{host}:{port}", variant.target, headers=headers).status == 200

    def history(self, copy: Copy) -> str:
        """Which copy it is, when its picture was listed, and the last requests for it with their answers."""
        name, picture, variant = copy
        since = self._expected.of(picture.number).since
        last = [
            f"{_clock(each.began)} to {_clock(each.ended)} at {each.proxy}: {each.status}"
            for each in self._requests[picture.number][variant][-4:]
        ]
        what = f"{name} holds picture {picture.number} (listed {_clock(since)}) as {variant}"
        return "; ".join([what, *last])

    def cached(self) -> int:
        """Number of copies of unlisted pictures: shows that the probe finds what caches hold."""
        listed = {picture.number for picture in self.listed()}
        some = [p for p in self._pictures if p.number not in listed and p.number in self._requests]
        probes = [(name, p, v) for p in some for v in self._requests[p.number] for name in self._deployment.caches]
        with ThreadPoolExecutor(PROBE_THREADS) as pool:
            return sum(pool.map(self._holds, probes))

    def wrong_answers(self) -> list[str]:
        """Listed pictures that a proxy delivers, and others that it does not. It fills caches: run it last."""
        listed = {picture.number for picture in self.listed()}
        found = []
        for picture in self._pictures:
            for proxy in self._deployment.proxies:
                wrong = self._wrong(proxy, picture, picture.number in listed)
                if wrong and not wrong.startswith(NO_ANSWER):
                    time.sleep(1)  # a Squid that is just purging may say 410 for a moment
                    wrong = self._wrong(proxy, picture, picture.number in listed)
                found += [f"picture {picture.number} at {proxy}: {wrong}"] if wrong else []
        return found

    @staticmethod
    def _wrong(proxy: str, picture: Picture, listed: bool) -> str:
        variant = picture.variants[0]
        try:
            answer = ask(proxy, variant.target, headers=variant.headers)
        except (OSError, http.client.HTTPException) as error:
            return f"{NO_ANSWER} to {variant}: {type(error).__name__} at {_clock(time.time())}"
        if listed:
            return "" if answer.status == 451 else f"{answer.status}, and it is listed"
        return "" if answer.status == 200 and answer.body == picture.body else f"{answer.status}, and it is not listed"

    def defects(self) -> list[str]:
        """Failures that Edgeward's own counters and logs show."""
        found = [f"{path.stem}: {line}" for path in self._deployment.logs for line in _tracebacks(path)]
        for state in self._deployment.state_dirs:
            address = AdminClient.address(state)
            for line in ask(address, "/metrics").body.decode().splitlines():
                if (
                    re.match(r"edgeward_(gate_errors|sightings_dropped)_total(\{.*\})? ", line)
                    and line.split()[-1] != "0.0"
                ):
                    found.append(line)
        return found

    def slowest_seconds(self) -> float:
        """The longest time from the acknowledgement of a listing to its copies gone from every cache, in seconds."""
        since = {signal.partition(":")[2]: listing.since for signal, listing in self._signals()}
        longest = 0.0
        for order in self._deployment.stored_orders.orders():
            acknowledged = since.get(order.data.get("sha256", ""), 0.0)
            if order.data["cause"] == "listing" and acknowledged:
                done = max((outcome["at"] for outcome in order.outcomes.values()), default=0.0)
                longest = max(longest, done - acknowledged)
        return longest

    def _signals(self) -> Iterator[tuple[str, Any]]:
        by_number = {picture.number: picture for picture in self._pictures}
        for number, listing in self._expected.acknowledged_listings().items():
            yield by_number[number].signals[0], listing

    def wait_until_up(self) -> None:
        """Wait until every proxy and every controller answers."""
        until(self._is_up, "the start of every component", MAX_QUIET_SECONDS, pause=0.2)

    def _is_up(self) -> bool:
        return all(map(_answers, self._deployment.proxies)) and all(
            map(self._has_controller, self._deployment.state_dirs)
        )

    @staticmethod
    def _has_controller(state: Path) -> bool:
        with suppress(OSError, ValueError):
            return is_ready(AdminClient.address(state))
        return False


def _clock(at: float) -> str:
    """Of the day (UTC), in seconds to three digits."""
    return f"{time.strftime('%H:%M:%S', time.gmtime(at))}.{int(at % 1 * 1000):03d}" if at else "never"


def _answers(proxy: str) -> bool:
    with suppress(OSError):
        return ask(proxy, "/nothing-here").status == 404
    return False


def _tracebacks(log: Path) -> list[str]:
    """The last line of each traceback."""
    text = log.read_text(errors="replace")
    return [
        component.strip().splitlines()[0]
        for component in re.split(r"Traceback \(most recent call last\):\n(?:[ \t].*\n)*", text)[1:]
    ]


def is_final(order: Order, delivery: str | None) -> bool:
    """Whether a cache has done what it can for an order. `delivery`: its outcome there, None if there is none."""
    by_target = order.data.get("scope", "target") == "target"
    return delivery in FINAL or (delivery == "unsupported" and not by_target)
