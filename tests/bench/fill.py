"""`fill`: requests per second of a cache with Edgeward behind it, against the same cache without, both for hits."""

import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.bench.harness import Budget, Effort, Row, Section, interleaved, quantity, ratio
from tests.bench.load import BODIES, CONNECTIONS, Load, PlainVarnish, on_core, path_of

from edgeward.demo.stage import Stage

VERSUS_CACHE = Budget(">=", 0.98)
TURNS = 3
LOAD_SECONDS = 1
"""The difference is small, so there are more rounds, and short ones."""


def measure(effort: Effort) -> Section:
    """Two Varnishes in turn: one as `fill` has it, with our VCL and Edgeward behind it, and a plain one."""
    with tempfile.TemporaryDirectory(prefix="edgeward-bench-") as name, ExitStack() as parts:
        directory = Path(name)
        with on_core(1):
            stage = parts.enter_context(Stage(directory / "fill", "fill", settings={"proxy": {"workers": 1}}))
            host, _, port = stage.origin.address.rpartition(":")
            plain = parts.enter_context(PlainVarnish(directory / "plain", (host, int(port))))
        for body_name, body in BODIES.items():
            stage.origin.put(path_of(body_name), body)
        rows = [_row(body_name, stage, plain, effort) for body_name in BODIES]
    how = (
        f"Requests per second by wrk with {CONNECTIONS} connections for a JPEG that both caches hold, medians of "
        "rounds in which both take turns: a Varnish with deploy/varnish/edgeward.vcl and Edgeward between it and the "
        "origin, and one that knows nothing of Edgeward. One core for wrk, the other for everything else."
    )
    return Section("Placement fill", how, rows)


def _row(name: str, stage: Stage, plain: PlainVarnish, effort: Effort) -> Row:
    addresses = (stage.cache_address, plain.url.removeprefix("http://"))
    contenders = [Load(address, path_of(name), LOAD_SECONDS) for address in addresses]
    ours, theirs = interleaved(contenders, 0, TURNS * effort.rounds)
    return Row(f"fill, cache hit, {name}", _rate(ours), _rate(theirs), ratio(ours, theirs), "x", VERSUS_CACHE)


def _rate(values: list[float]) -> str:
    return quantity(statistics.median(values), "/s")
