"""People who list, take down, purge, import and change their minds, and write down what was acknowledged."""

import random
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tests.chaos.book import Book
from tests.chaos.desk import Desk, NoAnswer, NobodyThere, Refused
from tests.chaos.pictures import Picture
from tests.chaos.site import LIST

THREADS = 2
PAUSE_SECONDS = 0.5
ENTRIES = f"/lists/{LIST}/entries"
WAIT = "?wait=verified&timeout=4"


class Staff:
    """`with Staff(...)`: they work until the end of the block. `pictures`: those that may be listed."""

    def __init__(self, states: Sequence[Path], pictures: Sequence[Picture], book: Book, seed: int) -> None:
        self._pictures, self._book = pictures, book
        self._by_number = {picture.number: picture for picture in pictures}
        self._ended = threading.Event()
        self._threads = []
        for number in range(THREADS):
            choices = random.Random(f"staff {seed} {number}")
            self._threads.append(threading.Thread(target=self._run, args=(choices, Desk(states, choices))))

    def __enter__(self) -> "Staff":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _run(self, choices: random.Random, desk: Desk) -> None:
        works: dict[Callable[[random.Random, Desk], None], int] = {
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
        while not self._ended.wait(choices.uniform(0, 2 * PAUSE_SECONDS)):
            (work,) = choices.choices(list(works), list(works.values()))
            name = work.__name__.removeprefix("_").replace("_", " ")
            try:
                work(choices, desk)
                self._book.note(name)
            except NobodyThere:
                self._book.note("nobody there")
            except NoAnswer as error:
                self._book.note(f"no answer ({error})")
            except Refused as error:
                self._book.surprise(f"{name}: {error}")

    def _free(self, choices: random.Random, count: int = 1) -> list[Picture]:
        """Pictures that nobody has tried to list, reserved for the caller."""
        some = choices.sample(self._pictures, len(self._pictures))
        free: list[Picture] = []
        for picture in some:
            if len(free) < count and self._book.reserve(picture.number):
                free.append(picture)
        return free

    def _promise(self, pictures: Sequence[Picture], ask: Callable[[], object]) -> None:
        """Ask for the listing of reserved pictures, and write down what became of it."""
        try:
            answer = ask()
        except NobodyThere:
            for picture in pictures:
                self._book.unlisted(picture.number)
            raise
        except BaseException:
            for picture in pictures:
                self._book.doubt(picture.number)
            raise
        active = isinstance(answer, dict) and bool(answer.get("active"))
        for picture in pictures:
            self._book.listed(picture.number, active)

    def _list(self, choices: random.Random, desk: Desk, query: str = "") -> None:
        way = choices.choice(("image", "sha256", "pdq"))
        for picture in self._free(choices):
            if way == "image":
                what: dict[str, Any] = {"body": picture.body, "kind": "image/jpeg"}
            else:
                what = {"data": {"hashes": [signal for signal in picture.signals if signal.startswith(way)]}}
            self._promise([picture], partial(desk.call, "POST", ENTRIES + query, **what))

    def _list_and_wait(self, choices: random.Random, desk: Desk) -> None:
        self._list(choices, desk, WAIT)

    def _import(self, choices: random.Random, desk: Desk) -> None:
        pictures = self._free(choices, 4)
        others = [f"md5:{choices.randbytes(16).hex()}" for _ in range(200)]
        body = "\n".join([*others, *(picture.signals[0] for picture in pictures)]).encode()

        def ask() -> None:
            job = desk.call("POST", f"/lists/{LIST}/imports", None, body, "text/plain")["job"]
            self._book.jobs[job["id"]] = time.time()

        self._promise(pictures, ask)

    def _unlist(self, choices: random.Random, desk: Desk) -> None:
        """Take all entries of one picture off the list: it may be shown again."""
        promised = sorted(self._book.promised())
        if not promised:
            return
        picture = self._by_number[choices.choice(promised)]
        listing = self._book.of(picture.number)
        since, listing.since, listing.active = listing.since, 0.0, 0.0
        if not since:  # the other one was faster
            return
        entries = self._entries_of(picture, desk)
        self._book.doubt(picture.number)
        for entry in entries:
            desk.call("DELETE", f"{ENTRIES}/{entry}?why=a+mistake")
        self._book.unlisted(picture.number)

    def _entries_of(self, picture: Picture, desk: Desk) -> list[str]:
        """Entry ids that block the picture: asked for by listing what is listed, which changes nothing."""
        self._book.doubt(picture.number)
        answer = desk.call("POST", ENTRIES, {"hashes": list(picture.signals)})
        return [entry["id"] for entry in answer["entries"]]

    def _take_down(self, choices: random.Random, desk: Desk, **what: object) -> None:
        answer = desk.call("POST", f"/takedowns{choices.choice(('', WAIT))}", what)
        self._book.takedowns[answer["id"]] = answer["at"]
        self._book.orders.update(dict.fromkeys(answer["order_ids"], answer["at"]))

    def _take_down_urls(self, choices: random.Random, desk: Desk) -> None:
        urls = [picture.url for picture in choices.sample(self._pictures, 3)]
        self._take_down(choices, desk, urls=urls)

    def _take_down_prefix(self, choices: random.Random, desk: Desk) -> None:
        self._take_down(choices, desk, prefixes=[choices.choice(self._pictures).directory])

    def _take_down_hashes(self, choices: random.Random, desk: Desk) -> None:
        hashes = [choices.choice(picture.signals) for picture in choices.sample(self._pictures, 2)]
        self._take_down(choices, desk, hashes=hashes)

    def _take_down_and_list(self, choices: random.Random, desk: Desk) -> None:
        pictures = self._free(choices, 2)
        if not pictures:
            return
        hashes = [choices.choice(picture.signals) for picture in pictures]
        self._promise(pictures, lambda: self._take_down(choices, desk, hashes=hashes, list=LIST))

    def _purge(self, choices: random.Random, desk: Desk) -> None:
        urls = [picture.url for picture in choices.sample(self._pictures, 3)]
        now = time.time()
        for purge in desk.call("POST", "/purges", {"urls": urls})["purges"]:
            self._book.orders[purge["id"]] = now
