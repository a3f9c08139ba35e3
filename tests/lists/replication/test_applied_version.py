"""What a replica may report."""

import asyncio

from tests.support.eventually import eventually

from edgeward.lists.replication.applied_version import AppliedVersionReport


class Sent:
    """Counts how often the report is sent."""

    def __init__(self) -> None:
        self.count = 0

    async def __call__(self) -> None:
        self.count += 1


async def test_without_a_condition_it_is_reported_at_once() -> None:
    """The version and the flush request may be reported with the next heartbeat: nothing is sent before."""
    sent = Sent()
    report = AppliedVersionReport(sent)
    report.update(3, b"5-0", before=None)
    assert (report.version, report.flush_request, sent.count) == (3, b"5-0", 0)


async def test_it_is_held_back_until_the_condition_holds() -> None:
    """Nothing is reported before `before` has ended; then it is sent."""
    sent, flushed = Sent(), asyncio.Event()
    report = AppliedVersionReport(sent)

    async def before() -> None:
        await flushed.wait()

    report.update(3, b"5-0", before)
    await asyncio.sleep(0)
    assert (report.version, report.flush_request, sent.count) == (0, b"0-0", 0)
    flushed.set()
    await eventually(lambda: sent.count == 1)
    assert (report.version, report.flush_request) == (3, b"5-0")


async def test_what_comes_meanwhile_needs_another_round() -> None:
    """A version that is applied while `before` runs is not reported before `before` has run again."""
    sent, reported, gate = Sent(), list[int](), asyncio.Semaphore(0)
    report = AppliedVersionReport(sent)

    async def before() -> None:
        reported.append(report.version)
        await gate.acquire()

    report.update(1, b"0-0", before)
    await eventually(lambda: reported == [0])
    report.update(2, b"0-0", before)
    report.update(3, b"0-0", before)
    gate.release()
    await eventually(lambda: reported == [0, 1])
    gate.release()
    await eventually(lambda: sent.count == 1)
    assert (report.version, reported) == (3, [0, 1])


async def test_what_comes_while_it_is_sent_needs_another_round() -> None:
    """A version that is applied while the report is sent is reported too, though no later update comes."""
    sent, runs = list[int](), Sent()

    async def send() -> None:
        sent.append(report.version)
        if len(sent) == 1:
            report.update(2, b"0-0", runs)
            await asyncio.sleep(0)

    report = AppliedVersionReport(send)
    report.update(1, b"0-0", runs)
    await eventually(lambda: sent == [1, 2])
    assert (report.version, runs.count) == (2, 2)


async def test_nothing_new_is_not_sent() -> None:
    """An update that changes nothing neither runs `before` nor sends anything."""
    sent, runs = Sent(), Sent()
    report = AppliedVersionReport(sent)
    report.update(1, b"0-0", runs)
    await eventually(lambda: sent.count == 1)
    report.update(1, b"0-0", runs)
    await asyncio.sleep(0.01)
    assert (runs.count, sent.count) == (1, 1)


async def test_closing_ends_the_wait() -> None:
    """Once closed nothing is reported; closing one that never waited is harmless."""
    sent = Sent()
    report = AppliedVersionReport(sent)
    await report.close()

    async def never() -> None:
        await asyncio.Event().wait()

    report.update(1, b"0-0", never)
    await asyncio.sleep(0)
    await report.close()
    assert (report.version, sent.count) == (0, 0)
