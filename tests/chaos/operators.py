"""Threads that act as operators: they list, undo, take down, purge and import, and record what was acknowledged."""

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
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
        self._busy = [threading.Lock() for _ in range(THREADS)]
        self._threads = []
        for number in range(THREADS):
            choices = random.Random(f"operator {seed} {number}")
            self._threads.append(
                threading.Thread(target=self._run, args=(choices, AdminClient(state_dirs, choices), self._busy[number]))
            )

    def __enter__(self) -> "Operators":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Nobody asks for anything until the end of the block, and what was asked for before is answered."""
        with ExitStack() as stack:
            for lock in self._busy:
                stack.enter_context(lock)
            yield

    def _run(self, choices: random.Random, admin: AdminClient, busy: threading.Lock) -> None:
        actions: dict[Callable[[random.Random, AdminClient], None], int] = {
            self._list: 8,
            self._list_and_wait: 3,
            self._undo: 2,
            self._remove_image: 1,
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
            with busy:
                self._act(name, partial(action, choices, admin))

    def _act(self, name: str, action: Callable[[], None]) -> None:
        try:
            action()
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
        known = answer if isinstance(answer, dict) else {}
        act = known.get("act") or known.get("id", "")
        for picture in pictures:
            self._expected.mark_listed(picture.number, bool(known.get("active")), act)

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

        def ask() -> Any:
            job = admin.call("POST", f"/lists/{LIST}/imports", None, body, "text/plain")["job"]
            self._expected.jobs[job["id"]] = time.time()
            return job

        self._ask_to_list(pictures, ask)

    def _undo(self, choices: random.Random, admin: AdminClient) -> None:
        """Take back all that one act has listed, so that its pictures may be shown again."""
        acts = sorted({each.act for each in self._expected.acknowledged_listings().values()} - {""})
        act = choices.choice(acts) if acts else ""
        taken = self._expected.take_listings(act)
        if not taken:
            return
        self._expected.undone.add(act)
        answer = admin.call("DELETE", f"/acts/{act}?why=a+mistake")
        if answer["state"] != "done":
            return  # it goes on, as the answer says
        if answer["still"]["blocking"]:
            self._expected.violation(f"undo of {act}: still {answer['still']['blocking']}")
        for number in taken:
            self._expected.mark_unlisted(number)

    def _remove_image(self, choices: random.Random, admin: AdminClient) -> None:
        """Remove all entries of one picture, whichever act has listed it."""
        listed = sorted(self._expected.acknowledged_listings())
        number = choices.choice(listed) if listed else -1
        if number < 0 or not self._expected.take_listing(number):
            return
        body = self._by_number[number].body
        answer = admin.call("POST", f"/lists/{LIST}/removals?why=a+mistake", None, body, "image/jpeg")
        # An entry that was listed by its hash may differ by some bits from that of the image: it is named, not removed.
        for match in answer["still"]["blocking"]:
            admin.call("DELETE", f"{ENTRIES}/{match['entry']}?why=a+mistake")
        self._expected.mark_unlisted(number)

    def _take_down(self, choices: random.Random, admin: AdminClient, **what: object) -> Any:
        answer = admin.call("POST", f"/takedowns{choices.choice(('', WAIT))}", what)
        self._expected.takedowns[answer["id"]] = answer["at"]
        self._expected.orders.update(dict.fromkeys(answer["order_ids"], answer["at"]))
        return answer

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
