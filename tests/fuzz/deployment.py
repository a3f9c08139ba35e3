"""Edgeward as an operator runs it, in front of a hostile origin; watched from inside and outside."""

import re
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from tests.fuzz.cases import Case
from tests.fuzz.loop_pauses import Pause, pauses, watched
from tests.scenarios.pictures import picture

from edgeward.demo.edge import Edge
from edgeward.demo.http_client import HttpResponse, ask
from edgeward.demo.origin import Origin

HASHERS = 2
_RESPONSES = re.compile(r'edgeward_responses_total\{reason="(\w+)",verdict="(\w+)"\} (\S+)')
_RESTARTS = re.compile(r'edgeward_hasher_restarts_total\{cause="(\w+)"\} (\S+)')
_ERRORS = re.compile(r"edgeward_gate_errors_total\{.*\} (\S+)")
_TRACEBACK = re.compile(r"Traceback \(most recent call last\):\n((?: .*\n)+\S.*)")
LISTED = 990_001
"""Seed for tests.scenarios.pictures of the listed picture, which matches nothing that is served."""
LENIENT = {"too_large": "deliver", "too_many_pixels": "deliver", "bad_coding": "deliver"}
"""A policy that refuses only what ended a hasher: any other refusal is a defect."""


class Deployment:
    """`with Deployment(directory) as deployment`: one worker with two hashers, and a list that asks for every view."""

    def __init__(self, directory: Path, policy: Mapping[str, str] = LENIENT, stacks: bool = False) -> None:
        self._watch, self._stacks = directory / "pauses", stacks
        self.origin = Origin()
        settings = {
            "proxy": {"workers": 1, "upstream": f"http://{self.origin.address}"},
            "hashing": {"processes": HASHERS, "data_uris": True},
            "policy": dict(policy),
        }
        self.edge = Edge(directory / "edge", settings)
        self._parts = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as parts:
            parts.enter_context(self.origin)
            with watched(self._watch, self._stacks):
                parts.enter_context(self.edge)
            self.edge.create_list("removed", rotations=True, geometry=True)
            self.edge.add_image("removed", picture(LISTED))
            self._parts = parts.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._parts.close()

    def put(self, case: Case) -> None:
        headers = [("Content-Encoding", case.codings)] if case.codings else []
        self.origin.put(case.path, case.body, case.content_type, headers=headers)

    def ask(self, case: Case) -> HttpResponse:
        """The answer to a client that accepts every coding.

        Raises:
            OSError, http.client.HTTPException: no answer, or a broken one.
        """
        self.put(case)
        try:
            return ask(self.edge.proxy, case.path, headers={"Accept-Encoding": "gzip, deflate, br, zstd"}, timeout=60)
        finally:
            self.origin.resources.pop(case.path, None)

    def reasons(self) -> Counter[str]:
        """Responses so far, by reason."""
        return Counter({reason: int(float(number)) for reason, _, number in _RESPONSES.findall(self._metrics())})

    def restarts(self) -> Counter[str]:
        """Hashers that ended so far, by cause."""
        return Counter({cause: int(float(number)) for cause, number in _RESTARTS.findall(self._metrics())})

    def _metrics(self) -> str:
        return ask(self.edge.admin, "/metrics").body.decode()

    def workers(self) -> list[int]:
        """Process ids of the proxy workers, as the supervisor knows them."""
        return list(self.edge.run_file["processes"]["proxy"])

    def hashers(self) -> list[int]:
        return [pid for pid in self.edge.members() if b"edgeward.hashing.hashers.worker" in _command(pid)]

    def pauses(self) -> list[Pause]:
        """Of the worker's event loop, so far."""
        return pauses(self._watch)

    def defects(self) -> list[str]:
        """Failures of Edgeward: hooks that raised, and tracebacks in the log, each kind once."""
        failed = sum(int(float(number)) for number in _ERRORS.findall(self._metrics()))
        errors = [f"the gate failed {failed} times"] if failed else []
        return [*errors, *tracebacks(self.edge.log.read_text(errors="replace"))]


def tracebacks(log: str) -> list[str]:
    """The first traceback of each kind, by place and type of the error, and how many there are."""
    found: dict[tuple[str, ...], list[str]] = {}
    for match in _TRACEBACK.finditer(log):
        place, error = match[1].splitlines()[-2:]
        found.setdefault((place, error.partition(":")[0]), []).append(match[0])
    return [f"{len(each)} times: {each[0]}" for each in found.values()]


def resident(pid: int) -> float:
    """Resident memory of a process in MB; 0: it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    found = re.search(r"VmRSS:\s+(\d+)", status)
    return int(found[1]) * 1024 / 1e6 if found else 0.0


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
