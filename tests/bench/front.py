"""`front`: requests per second of one worker that verifies every body, against mitmdump with no addon at all."""

import random
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from tests.bench.load import BODIES, CONNECTIONS, Load, Mitmdump, on_core, path_of
from tests.bench.measurement import Budget, Effort, Row, Section, interleaved, milliseconds, quantity, ratio

from edgeward.demo.caches import Varnish
from edgeward.demo.edge import Edge
from edgeward.demo.origin import Origin
from edgeward.errors import Unavailable

ENTRIES = 1000
"""Hashes on the block list, none of which matches."""
CHECKED = 'edgeward_responses_total{reason="no_match",verdict="deliver"}'
KNOWN = 'edgeward_fingerprint_lookups_total{source="memory"}'
VERSUS_MITMDUMP = Budget(">=", 1.7)


def measure(effort: Effort) -> Section:
    """Edgeward, mitmdump and no proxy in turn, in front of the same Varnish, which has the photograph."""
    with tempfile.TemporaryDirectory(prefix="edgeward-bench-") as name, ExitStack() as parts:
        directory = Path(name)
        with on_core(0):
            origin = parts.enter_context(Origin())
            cache = parts.enter_context(Varnish(directory / "varnish", _host_and_port(origin.address)))
        with on_core(1):
            edge = parts.enter_context(_edge(directory / "edge", cache.url))
            mitmdump = parts.enter_context(Mitmdump(directory, cache.url.removeprefix("http://")))
        for body_name, body in BODIES.items():
            origin.put(path_of(body_name), body)
        _fill_list(edge)
        rows = [row for body_name in BODIES for row in _rows(body_name, edge, mitmdump, cache, effort)]
    how = (
        f"Requests per second by wrk with {CONNECTIONS} connections for a JPEG that Varnish holds, medians of "
        "alternating rounds. One core for wrk and Varnish, the other for all processes of Edgeward (one worker) "
        f"or mitmdump. Every body is digested and judged against {ENTRIES:,} entries; its fingerprint is known. "
        "mitmdump: `--mode reverse:... -q --set flow_detail=0`. CPU: of all these processes, for one request."
    )
    return Section("Placement front", how, rows)


def _edge(directory: Path, upstream: str) -> Edge:
    return Edge(directory, {"proxy": {"workers": 1, "upstream": upstream}})


def _rows(name: str, edge: Edge, mitmdump: Mitmdump, cache: Varnish, effort: Effort) -> Iterator[Row]:
    loads = [
        Load(address, path_of(name), effort.load_seconds, processes)
        for address, processes in (
            (edge.proxy, edge.members),
            (mitmdump.address, mitmdump.members),
            (cache.url.removeprefix("http://"), list),
        )
    ]
    before = edge.metric(CHECKED), edge.metric(KNOWN)
    ours, theirs, alone = interleaved(loads, 0, effort.rounds)
    sent = loads[0].requests
    for series, count in zip((CHECKED, KNOWN), before, strict=True):
        if edge.metric(series) - count < sent:
            raise Unavailable(f"{series} rose by {edge.metric(series) - count:.0f} in {sent:.0f} requests")
    yield Row(f"front, {name}, against mitmdump", _rate(ours), _rate(theirs), ratio(ours, theirs), "x", VERSUS_MITMDUMP)
    used, mitmdumps = (load.seconds_a_request for load in loads[:2])
    yield Row(f"front, {name}, CPU", milliseconds([used]), milliseconds([mitmdumps]), used / mitmdumps, "x")
    yield Row(f"front, {name}, against Varnish alone", _rate(ours), _rate(alone), ratio(ours, alone), "x")


def _fill_list(edge: Edge) -> None:
    """List entries that match nothing, and wait until they are retromatched."""
    numbers = random.Random(0)
    hashes = [f"pdq:{numbers.randbytes(32).hex()}" for _ in range(ENTRIES)]
    edge.create_list("bench")
    edge.api("POST", "/lists/bench/entries?wait=verified&timeout=30", {"hashes": hashes})


def _rate(values: list[float]) -> str:
    return quantity(statistics.median(values), "/s")


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)
