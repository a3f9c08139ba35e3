"""Threads that act as operators: they list, unlist, take down, purge and import, and record what was acknowledged."""

import random
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tests.chaos.admin_client import AdminClient, NoAnswer, Refused, Unreachable
from tests.chaos.deployment import LIST
from tests.chaos.expected_state import ExpectedState
from tests.chaos.pictures import Picture

THREADS = 2
GAP_SECONDS = 0.5
ENTRIES = f"/lists/{LIST}/entries"
WAIT = "?wait=verified&timeout=4"


class Operators:
    """`with Operators(...)`: they work until the end of the block. `pictures`: those that may be listed."""

    def __init__(
        self, state_dirs: Sequence[Path], pictures: Sequence[Picture], expected: ExpectedState, seed: int
    ) -> None:
        self._pictures, self._expected = pictures, expected
        self._by_number = {picture.number: picture for picture in pictures}
        self._ended = threading.Event()
        self._threads = []
        for number in range(THREADS):
            choices = random.Random(f"operator {seed} {number}")
            self._threads.append(threading.Thread(target=self._run, args=(choices, AdminClient(state_dirs, choices))))

    def __enter__(self) -> "Operators":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _run(self, choices: random.Random, admin: AdminClient) -> None:
        actions: dict[Callable[[random.Random, AdminClient], None], int] = {
            self._list: 8,
            self._list_and_wait: 3,
            self._unlist: 2,
            self._import: 1,
            self._take_down_urls: 3,
            self._take_down_prefix: 1,
            self._take_down_hashes: 2,
            self._take_down_and_list: 2,
            self._purge: 2,
        }
        while not self._ended.wait(choices.uniform(0, 2 * GAP_SECONDS)):
            (action,) = choices.choices(list(actions), list(actions.values()))
            name = action.__name__.removeprefix("_").replace("_", " ")
            try:
                action(choices, admin)
                self._expected.count(name)
            except Unreachable:
                self._expected.count("no controller")
            except NoAnswer as error:
                self._expected.count(f"no answer ({error})")
            except Refused as error:
                self._expected.violation(f"{name}: {error}")

    def _reserve(self, choices: random.Random, count: int = 1) -> list[Picture]:
        """Pictures that nobody has tried to list yet, reserved for the caller."""
        some = choices.sample(self._pictures, len(self._pictures))
        reserved: list[Picture] = []
        for picture in some:
            if len(reserved) < count and self._expected.reserve(picture.number):
                reserved.append(picture)
        return reserved

    def _ask_to_list(self, pictures: Sequence[Picture], ask: Callable[[], object]) -> None:
        """Ask for the listing of reserved pictures, and record its result."""
        try:
            answer = ask()
        except Unreachable:
            for picture in pictures:
                self._expected.mark_unlisted(picture.number)
            raise
        except BaseException:
            for picture in pictures:
                self._expected.mark_in_doubt(picture.number)
            raise
        active = isinstance(answer, dict) and bool(answer.get("active"))
        for picture in pictures:
            self._expected.mark_listed(picture.number, active)

    def _list(self, choices: random.Random, admin: AdminClient, query: str = "") -> None:
        by = choices.choice(("image", "sha256", "pdq"))
        for picture in self._reserve(choices):
            if by == "image":
                what: dict[str, Any] = {"body": picture.body, "kind": "image/jpeg"}
            else:
                what = {"data": {"hashes": [signal for signal in picture.signals if signal.startswith(by)]}}
            self._ask_to_list([picture], partial(admin.call, "POST", ENTRIES + query, **what))

    def _list_and_wait(self, choices: random.Random, admin: AdminClient) -> None:
        self._list(choices, admin, WAIT)

    def _import(self, choices: random.Random, admin: AdminClient) -> None:
        pictures = self._reserve(choices, 4)
        others = [f"md5:{choices.randbytes(16).hex()}" for _ in range(200)]
        body = "\n".join([*others, *(picture.signals[0] for picture in pictures)]).encode()

        def ask() -> None:
            job = admin.call("POST", f"/lists/{LIST}/imports", None, body, "text/plain")["job"]
            self._expected.jobs[job["id"]] = time.time()

        self._ask_to_list(pictures, ask)

    def _unlist(self, choices: random.Random, admin: AdminClient) -> None:
        """Remove all entries of one picture from the list, so that it may be shown again."""
        acknowledged_listings = sorted(self._expected.acknowledged_listings())
        if not acknowledged_listings:
            return
        picture = self._by_number[choices.choice(acknowledged_listings)]
        listing = self._expected.of(picture.number)
        since, listing.since, listing.active = listing.since, 0.0, 0.0
        if not since:  # another thread was faster
            return
        entries = self._entries_of(picture, admin)
        self._expected.mark_in_doubt(picture.number)
        for entry in entries:
            admin.call("DELETE", f"{ENTRIES}/{entry}?why=a+mistake")
        self._expected.mark_unlisted(picture.number)

    def _entries_of(self, picture: Picture, admin: AdminClient) -> list[str]:
        """Ids of the entries that block the picture. To list again what is listed changes nothing and returns them."""
        self._expected.mark_in_doubt(picture.number)
        answer = admin.call("POST", ENTRIES, {"hashes": list(picture.signals)})
        return [entry["id"] for entry in answer["entries"]]

    def _take_down(self, choices: random.Random, admin: AdminClient, **what: object) -> None:
        answer = admin.call("POST", f"/takedowns{choices.choice(('', WAIT))}", what)
        self._expected.takedowns[answer["id"]] = answer["at"]
        self._expected.orders.update(dict.fromkeys(answer["order_ids"], answer["at"]))

    def _take_down_urls(self, choices: random.Random, admin: AdminClient) -> None:
        urls = [picture.url for picture in choices.sample(self._pictures, 3)]
        self._take_down(choices, admin, urls=urls)

    def _take_down_prefix(self, choices: random.Random, admin: AdminClient) -> None:
        self._take_down(choices, admin, prefixes=[choices.choice(self._pictures).directory])

    def _take_down_hashes(self, choices: random.Random, admin: AdminClient) -> None:
        hashes = [choices.choice(picture.signals) for picture in choices.sample(self._pictures, 2)]
        self._take_down(choices, admin, hashes=hashes)

    def _take_down_and_list(self, choices: random.Random, admin: AdminClient) -> None:
        pictures = self._reserve(choices, 2)
        if not pictures:
            return
        hashes = [choices.choice(picture.signals) for picture in pictures]
        self._ask_to_list(pictures, lambda: self._take_down(choices, admin, hashes=hashes, list=LIST))

    def _purge(self, choices: random.Random, admin: AdminClient) -> None:
        urls = [picture.url for picture in choices.sample(self._pictures, 3)]
        now = time.time()
        for purge in admin.call("POST", "/purges", {"urls": urls})["purges"]:
            self._expected.orders[purge["id"]] = now
