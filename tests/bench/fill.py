"""`fill`: requests per second of a cache with Edgeward behind it, against the same cache without, both for hits."""

import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.bench.load import BODIES, CONNECTIONS, Load, PlainVarnish, on_core, path_of
from tests.bench.measurement import Budget, Effort, Row, Section, interleaved, quantity, ratio

from edgeward.demo.stack import Stack

VERSUS_CACHE = Budget(">=", 0.98)
ROUNDS_FACTOR = 3
LOAD_SECONDS = 1
"""The difference is small, so there are more but shorter rounds."""


def measure(effort: Effort) -> Section:
    """Two Varnishes in turn: one with our VCL and Edgeward behind it, and a plain one."""
    with tempfile.TemporaryDirectory(prefix="edgeward-bench-") as name, ExitStack() as parts:
        directory = Path(name)
        with on_core(1):
            stack = parts.enter_context(Stack(directory / "fill", "fill", settings={"proxy": {"workers": 1}}))
            host, _, port = stack.origin.address.rpartition(":")
            plain = parts.enter_context(PlainVarnish(directory / "plain", (host, int(port))))
        for body_name, body in BODIES.items():
            stack.origin.put(path_of(body_name), body)
        rows = [_row(body_name, stack, plain, effort) for body_name in BODIES]
    how = (
        f"Requests per second by wrk with {CONNECTIONS} connections for a JPEG that both caches hold, medians of "
        "alternating rounds: a Varnish with deploy/varnish/edgeward.vcl and Edgeward between it and the "
        "origin, and one without Edgeward. One core for wrk, the other for everything else."
    )
    return Section("Placement fill", how, rows)


def _row(name: str, stack: Stack, plain: PlainVarnish, effort: Effort) -> Row:
    addresses = (stack.cache_address, plain.url.removeprefix("http://"))
    contenders = [Load(address, path_of(name), LOAD_SECONDS) for address in addresses]
    ours, theirs = interleaved(contenders, 0, ROUNDS_FACTOR * effort.rounds)
    return Row(f"fill, cache hit, {name}", _rate(ours), _rate(theirs), ratio(ours, theirs), "x", VERSUS_CACHE)


def _rate(values: list[float]) -> str:
    return quantity(statistics.median(values), "/s")
