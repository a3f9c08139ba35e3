"""`fill`: requests per second of a cache with Edgeward behind it, against the same cache without, both for hits."""

import statistics
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.bench.load import BODIES, CONNECTIONS, Load, PlainVarnish, on_core, path_of
from tests.bench.measurement import Budget, Effort, Row, Section, interleaved, quantity

from edgeward.demo.caches import Varnish
from edgeward.demo.stack import Stack

VERSUS_CACHE = Budget(">=", 0.98)
INSTANCES = 4
"""Caches of each kind: the rates of equal Varnishes differ by a tenth and more, for as long as they run."""
LOAD_SECONDS = 1


def measure(effort: Effort) -> Section:
    """Varnishes in turn: some with our VCL and Edgeward behind them, as many plain ones."""
    with tempfile.TemporaryDirectory(prefix="edgeward-bench-") as name, ExitStack() as parts:
        directory = Path(name)
        with on_core(1):
            stack = parts.enter_context(Stack(directory / "fill", "fill", settings={"proxy": {"workers": 1}}))
            ours = [stack.cache_address]
            for number in range(1, INSTANCES):
                cache = parts.enter_context(Varnish(directory / f"ours{number}", _pair(stack.edge.proxy)))
                ours.append(cache.url.removeprefix("http://"))
            plain = [
                parts.enter_context(PlainVarnish(directory / f"plain{number}", _pair(stack.origin.address)))
                for number in range(INSTANCES)
            ]
        for body_name, body in BODIES.items():
            stack.origin.put(path_of(body_name), body)
        addresses = (ours, [each.url.removeprefix("http://") for each in plain])
        rows = [_row(body_name, *addresses, effort) for body_name in BODIES]
    how = (
        f"Requests per second by wrk with {CONNECTIONS} connections for a JPEG that the caches hold, alternating "
        f"rounds; for each cache their median, for each kind the mean of {INSTANCES} caches: a Varnish with "
        "deploy/varnish/edgeward.vcl and Edgeward between it and the origin, and one without Edgeward. One core for "
        "wrk, the other for everything else."
    )
    return Section("Placement fill", how, rows)


def _pair(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)


def _row(name: str, ours: Sequence[str], plain: Sequence[str], effort: Effort) -> Row:
    in_turn = [address for pair in zip(ours, plain, strict=True) for address in pair]
    rates = interleaved([Load(address, path_of(name), LOAD_SECONDS) for address in in_turn], 0, effort.rounds)
    medians = [statistics.median(each) for each in rates]
    with_edgeward, without = statistics.mean(medians[::2]), statistics.mean(medians[1::2])
    figure = with_edgeward / without
    return Row(
        f"fill, cache hit, {name}", quantity(with_edgeward, "/s"), quantity(without, "/s"), figure, "x", VERSUS_CACHE
    )
