"""Edgeward as an operator runs it, in front of an origin that is out to harm it; watched from inside and outside."""

import re
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from tests.fuzz.cases import Case
from tests.fuzz.pauses import Pause, pauses, watched
from tests.scenarios.pictures import picture

from edgeward.demo.answer import Answer, ask
from edgeward.demo.edge import Edge
from edgeward.demo.origin import Origin

HASHERS = 2
_RESPONSES = re.compile(r'edgeward_responses_total\{reason="(\w+)",verdict="(\w+)"\} (\S+)')
_RESTARTS = re.compile(r'edgeward_hasher_restarts_total\{cause="(\w+)"\} (\S+)')
_ERRORS = re.compile(r"edgeward_gate_errors_total\{.*\} (\S+)")
_TRACEBACK = re.compile(r"Traceback \(most recent call last\):\n((?: .*\n)+\S.*)")
LISTED = 990_001
"""Of tests.scenarios.pictures: it is like nothing that is served."""
LENIENT = {"too_large": "deliver", "too_many_pixels": "deliver", "bad_coding": "deliver"}
"""A policy by which nothing is refused but for what it did to a hasher, or by a defect."""


class Site:
    """`with Site(directory) as site`: one worker with two hashers, a list that asks for every view, a `[policy]`."""

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

    def ask(self, case: Case) -> Answer:
        """What a client gets, who takes every coding.

        Raises:
            OSError, http.client.HTTPException: none, or a broken one.
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
        """The process ids of the proxy, as the supervisor knows them."""
        return list(self.edge.run_file["processes"]["proxy"])

    def hashers(self) -> list[int]:
        return [pid for pid in self.edge.members() if b"edgeward.hashing.hashers.worker" in _command(pid)]

    def pauses(self) -> list[Pause]:
        """Of the worker's event loop, so far."""
        return pauses(self._watch)

    def defects(self) -> list[str]:
        """Parts of Edgeward that failed: hooks that raised, and the tracebacks in the log, each kind once."""
        failed = sum(int(float(number)) for number in _ERRORS.findall(self._metrics()))
        errors = [f"the gate failed {failed} times"] if failed else []
        return [*errors, *tracebacks(self.edge.log.read_text(errors="replace"))]


def tracebacks(log: str) -> list[str]:
    """The first of each kind, which the place and the type of the error make, with how many there are."""
    found: dict[tuple[str, ...], list[str]] = {}
    for match in _TRACEBACK.finditer(log):
        place, error = match[1].splitlines()[-2:]
        found.setdefault((place, error.partition(":")[0]), []).append(match[0])
    return [f"{len(each)} times: {each[0]}" for each in found.values()]


def resident(pid: int) -> float:
    """Memory of a process, in MB; 0 of one that has ended."""
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
