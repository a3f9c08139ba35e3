"""Rounds of imports and undos in a running Edgeward, in each of which a process of it is killed at a random instant."""

import hashlib
import io
import json
import os
import random
import signal
import threading
import time
from contextlib import ExitStack, suppress
from http.client import HTTPException
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from PIL import Image
from tests.kills.listed_model import ListedModel, ModelImport
from tests.support.eventually import until

from edgeward.demo.edge import ApiError, Edge
from edgeward.demo.http_client import ask
from edgeward.demo.origin import Origin, Resource
from edgeward.errors import ApiUnavailable, EdgewardError
from edgeward.lists.batches.batch_store import BatchStore
from edgeward.matching.batches import write_files
from edgeward.store.connection import Store

LIST = "long"
ROWS = (5_500, 12_000)
HASHES = 30_000
"""Different hashes of all imports."""
IMAGES = 40
"""So many of them are of images that the origin serves."""
MOST_SECONDS = 1.5
"""The latest instant of a kill, after its import or undo has begun."""
VICTIMS = ("controller", "proxy", "store", "builder")
PATIENCE_SECONDS = 120.0


class Rounds:
    """`with Rounds(directory, seed) as rounds`: call `play` again and again."""

    def __init__(self, directory: Path, seed: int) -> None:
        self._chance, self._model = random.Random(seed), ListedModel()
        self.origin = Origin()
        self._images = [_image(number) for number in range(IMAGES)]
        settings = {
            "proxy": {"workers": 1, "upstream": f"http://{self.origin.address}"},
            "hashing": {"processes": 1},
            "guard": {"enabled": False},
            "sweep": {"enabled": False},
        }
        self.edge = Edge(directory / "edge", settings)
        self._parts, self._round = ExitStack(), 0

    def __enter__(self) -> Self:
        with ExitStack() as parts:
            parts.enter_context(self.origin)
            parts.enter_context(self.edge)
            for number, body in enumerate(self._images):
                self.origin.resources[f"/{number}.png"] = Resource(body, "image/png")
            self.edge.create_list(LIST)
            self._parts = parts.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._parts.close()

    def play(self) -> str:
        """One round; says what was done. Fails if the list is neither as it was nor as it was to become."""
        self._round += 1
        victim, delay = self._chance.choice(VICTIMS), self._chance.uniform(0, MOST_SECONDS)
        undoes = bool(self._model.imports) and self._chance.random() < 0.3
        killed = threading.Thread(target=self._kill, args=(victim, delay))
        killed.start()
        what = self._undo() if undoes else self._import()
        killed.join()
        self._wait_ready()
        self._compare()
        return f"{what}; the {victim} was killed after {delay:.2f} s; {len(self._model.listed())} hashes are listed"

    def _import(self) -> str:
        numbers = self._chance.sample(range(HASHES), self._chance.randint(*ROWS))
        cut = self._chance.randint(0, len(numbers) // 4)
        made = ModelImport(frozenset(numbers[cut:]), frozenset(numbers[:cut]))
        rows = [{"type": "md5", "value": self._md5(number), "withdrawn": True} for number in made.withdraws]
        rows += [{"type": "md5", "value": self._md5(number), "source_id": f"s{number % 7}"} for number in made.lists]
        body, reason = "\n".join(map(json.dumps, rows)).encode(), f"round {self._round}"
        with suppress(ApiUnavailable):
            self.edge.call(
                "POST", f"/lists/{LIST}/imports?format=jsonl&reason=round+{self._round}", body=body, timeout=60
            )
        self._wait_ready()
        jobs = [job for job in self.edge.api("GET", "/jobs")["jobs"] if job["reason"] == reason]
        if not jobs:
            return f"an import of {len(rows)} rows was not recorded"
        made.job = jobs[0]["id"]
        until(lambda: self._job(made.job).get("state") in ("done", "failed"), "the end of an import", PATIENCE_SECONDS)
        job = self._job(made.job)
        assert job["state"] == "done", job["error"]
        self._model.imports.append(made)
        return f"an import of {len(rows)} rows was carried out"

    def _job(self, job_id: str) -> dict[str, Any]:
        with suppress(ApiUnavailable, ApiError):
            found: dict[str, Any] = self.edge.api("GET", f"/jobs/{job_id}")
            return found
        return {}

    def _undo(self) -> str:
        chosen = self._chance.choice(self._model.imports)

        def is_undone() -> bool:
            with suppress(ApiUnavailable, ApiError, EdgewardError):
                return self.edge.call("DELETE", f"/acts/{chosen.job}", timeout=60).status == 200
            return False

        until(is_undone, "the end of an undo", PATIENCE_SECONDS)
        self._model.imports.remove(chosen)
        return f"the import {chosen.job} was undone"

    def _kill(self, victim: str, delay: float) -> None:
        time.sleep(delay)
        with suppress(OSError, ValueError, KeyError):
            for pid in self._builders() if victim == "builder" else self._processes(victim):
                os.kill(pid, signal.SIGKILL)

    def _processes(self, role: str) -> list[int]:
        found = self.edge.run_file["processes"][role]
        return list(found) if isinstance(found, list) else [int(found)]

    def _builders(self) -> list[int]:
        found = []
        for pid in self.edge.members():
            with suppress(OSError):
                if write_files.__name__.encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                    found.append(pid)
        return found

    def _wait_ready(self) -> None:
        def is_ready() -> bool:
            with suppress(OSError, ValueError, KeyError, ApiUnavailable, ApiError):
                status = self.edge.api("GET", "/status")
                return bool(status["ready"]) and len(status["replicas"]) >= 2 and not status["silent"]
            return False

        until(is_ready, "all processes", PATIENCE_SECONDS)

    def _compare(self) -> None:
        """The store, the controller and the worker have what the model has, and nothing else is left in the store."""
        wanted = self._model.listed()
        values = {self._md5(number) for number in wanted}
        lines = self.edge.call("GET", f"/lists/{LIST}/export?format=jsonl", timeout=60).body.decode().splitlines()
        exported = [json.loads(line)["value"] for line in lines]
        assert len(exported) == len(set(exported)), "an entry is exported twice"
        assert set(exported) == values, f"{len(set(exported) - values)} too many, {len(values - set(exported))} missing"
        shown = self.edge.api("GET", f"/lists/{LIST}")["entries"]
        assert shown == len(values), f"{shown} entries are shown, and {len(values)} exported"
        for number in range(IMAGES):
            status = self._status_of(f"/{number}.png")
            assert status == (451 if number in wanted else 200), f"image {number} was answered {status}"

    def _status_of(self, path: str) -> int:
        """That of the first response: a worker that was killed may not have come back yet."""
        found: list[int] = []

        def is_answered() -> bool:
            with suppress(OSError, ValueError, KeyError, HTTPException):
                found.append(ask(self.edge.proxy, path, timeout=60).status)
            return bool(found)

        until(is_answered, "a response", PATIENCE_SECONDS)
        return found[0]

    async def left_over(self, url: str) -> set[str]:
        """Ids of batches that have data in the store and are on no record."""
        store = await Store.connect(url)
        batches = BatchStore(store)
        known = {batch.id for batch in (*(await batches.get(LIST)).batches, *await batches.all_old())}
        keys = [key async for key in store.redis.scan_iter(f"{batches.data.prefix}*")]
        await store.close()
        return {key.decode().removeprefix(batches.data.prefix) for key in keys} - known

    def _md5(self, number: int) -> str:
        if number < IMAGES:
            return hashlib.md5(self._images[number], usedforsecurity=False).hexdigest()
        return f"{number:032x}"


def _image(number: int) -> bytes:
    """A small PNG of its own."""
    file = io.BytesIO()
    Image.effect_noise((64, 64), 50 + number).save(file, "PNG")
    return file.getvalue()
