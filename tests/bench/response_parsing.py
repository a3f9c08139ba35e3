"""Reading responses to purges: by Edgeward's own parser or by h11. What h11 would cost is the reason for the first."""

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tests.bench.h11_parser import H11Parser
from tests.bench.measurement import Budget, Effort, Row, Section, cpu_seconds, interleaved, quantity, ratio
from tests.bench.purging import NAME, FullVarnish, Turn

from edgeward.caches import driver_for, raw_http
from edgeward.caches.raw_http import PIPELINE_DEPTH
from edgeward.caches.response_parser import ResponseParser
from edgeward.demo.caches import Varnish
from edgeward.demo.caches.base import free_port
from edgeward.errors import Unavailable
from edgeward.types import Delivery

type Parser = Callable[[], ResponseParser | H11Parser]

OBJECTS = 3000
"""Purged with each parser in each round."""
PIPELINES = 100
"""Parsed by each parser in each round."""
LOSS = Budget(">=", 10)
"""Percent of the purge rate: Edgeward reads HTTP/1 with h11 wherever that costs less."""
RESPONSE = (
    b"HTTP/1.1 404 Not in cache\r\nDate: Mon, 30 Nov 2026 03:59:12 GMT\r\nServer: Varnish\r\nX-Varnish: 65541\r\n"
    b"X-Purged: 0\r\nCache-Control: no-store\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n"
)
"""What Varnish 7.1 with deploy/varnish/edgeward.vcl answers when nothing is left to purge."""


def measure(effort: Effort) -> Section:
    """Parsing alone, then verified purges by the driver of Varnish; both parsers take turns."""
    parsing = interleaved([cpu_seconds(lambda: parse(ResponseParser)), cpu_seconds(lambda: parse(H11Parser))], 1)
    with (
        tempfile.TemporaryDirectory(prefix="edgeward-bench-") as name,
        FullVarnish(Path(name) / NAME, ("127.0.0.1", free_port())) as cache,
    ):
        by_hand, by_h11 = DriverTurn(cache, ResponseParser), DriverTurn(cache, H11Parser)
        rates = interleaved([by_hand.driver, by_h11.driver], 0, effort.rounds)
    how = (
        "Edgeward reads HTTP/1 with h11 unless that costs more than 10 % of a rate. Here it costs more, so the "
        "responses of self-hosted caches have a parser of their own; the budget is the loss that justifies it. "
        "Medians of rounds in which both parsers take turns. Against: h11 in its fastest form, a new `h11.Connection` "
        "for each response, which knows nothing of the request and so accepts no interim responses and no HEAD. "
        f"Parsing: CPU time for one response of Varnish, {PIPELINE_DEPTH} of which arrive together. Purges: "
        f"{OBJECTS:,} objects a round, each purged by the driver until Varnish says that nothing is left, so at least "
        "twice. Client CPU: of this process, for one object."
    )
    return Section("Reading purge responses: by hand or h11", how, _rows(parsing, rates, (by_hand.cpu, by_h11.cpu)))


def _rows(parsing: Sequence[list[float]], rates: Sequence[list[float]], cpu: Sequence[list[float]]) -> list[Row]:
    """Each argument: the values by hand, and those with h11."""
    ours, other = (quantity(statistics.median(values), "/s") for values in rates)
    return [
        _cost("Parsing one response", [[each / (PIPELINES * PIPELINE_DEPTH) for each in values] for values in parsing]),
        Row("Verified purges: lost with h11", ours, other, 100 * (1 - ratio(rates[1], rates[0])), "%", LOSS),
        _cost("Client CPU for one purge", cpu),
    ]


def _cost(what: str, seconds: Sequence[list[float]]) -> Row:
    ours, other = (quantity(statistics.median(values) * 1e6, "us") for values in seconds)
    return Row(what, ours, other, ratio(*seconds), "x")


def parse(parser: Parser) -> None:
    """Parse pipelines of responses, each with the bytes of a whole pipeline at once, on one connection."""
    connection = parser()
    for _ in range(PIPELINES):
        for _ in range(PIPELINE_DEPTH):
            connection.expect("PURGE", 0)
        if len(connection.feed(RESPONSE * PIPELINE_DEPTH)) != PIPELINE_DEPTH:
            raise Unavailable("a response was not read")


class DriverTurn(Turn):
    """Fills the cache and purges it by the driver, whose connections read with this parser.

    `cpu`: seconds of CPU for one object in each round, without the warm-up.
    """

    def __init__(self, cache: Varnish, parser: Parser) -> None:
        super().__init__(cache, "", OBJECTS)
        self._parser = parser
        self._taken: list[float] = []

    @property
    def cpu(self) -> list[float]:
        return self._taken[1:]

    async def _by_driver(self) -> float:
        orders = await self._fill()
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(raw_http, "ResponseParser", self._parser)
            driver = driver_for(self._settings)
            began, cpu_began = time.perf_counter(), time.process_time()
            purged = await driver.purge(orders)
            seconds, cpu = time.perf_counter() - began, time.process_time() - cpu_began
            await driver.close()
        if not all(each.delivery is Delivery.VERIFIED and each.count for each in purged):
            raise Unavailable("a purge was not verified, or found nothing")
        self._taken.append(cpu / len(orders))
        return seconds
