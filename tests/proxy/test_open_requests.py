"""The numbers of requests that are not judged: which are pending, and what a heartbeat says of them."""

from pathlib import Path

import pytest
from tests.proxy.conftest import Worker
from tests.proxy.unjudged import unjudged

from edgeward.lists.replication.unjudged_report import HOSTS_REPORTED
from edgeward.proxy.journal import Journal
from edgeward.proxy.open_requests import OpenRequests


@pytest.fixture
def opened(worker: Worker, tmp_path: Path) -> OpenRequests:
    return OpenRequests(Journal(tmp_path / "here", "http://upstream"), unjudged(worker)._recorder)


async def test_pending_ones_are_counted_apart(opened: OpenRequests) -> None:
    """One that was answered, or is not open, is never pending; nor is one any more that is answered now."""
    silent, answered, ended, other = (opened._journal.begin(b"request") for _ in range(4))
    for number in (silent, answered, other):
        opened.open(number)
    opened.answer([answered])
    opened.set_pending([silent, answered, ended, other], True)
    assert opened.pending == {silent, other}
    assert opened.are_pending([silent, other]) and not opened.are_pending([silent, answered])
    report = opened.report()
    assert (report.open_count, report.pending, report.under_way) == (1, 2, 4)
    opened.answer([silent])
    opened.set_pending([other], False)
    assert (opened.report().open_count, opened.report().pending) == (3, 0)


async def test_the_age_is_that_of_the_oldest_that_is_not_pending(opened: OpenRequests) -> None:
    """What nobody has answered makes no receipt unknown, however old it is."""
    old, new = opened._journal.begin(b"old"), opened._journal.begin(b"new")
    opened.open(old)
    opened._since[old] -= 100.0
    opened.open(new)
    opened.set_pending([old], True)
    assert opened.report().open_seconds < 60
    opened.set_pending([new], True)
    assert opened.report().open_seconds == 0
    opened.answer([old])
    assert opened.report().open_seconds >= 100


async def test_an_own_request_that_is_answered_is_open(opened: OpenRequests) -> None:
    """Until then it is like one of a client, in progress."""
    number = opened._journal.begin(b"request")
    assert len(opened) == 0
    opened.answer_try([number])
    assert (number in opened, opened.report().open_count) == (True, 1)
    opened.close([number])
    assert opened.has_ended(number)
    await opened.forget_written()
    assert (len(opened), len(opened._journal), opened.has_ended(number)) == (0, 0, False)


async def test_the_hosts_of_those_that_are_not_pending_are_named(opened: OpenRequests) -> None:
    """Those with the most first, in limited number and length; a record that can't be read has none."""
    for host in ("one.test", "two.test", "two.test", "x" * 300 + ".test"):
        assert opened.report().elsewhere == 0
        opened.open(opened._journal.begin(f"http\r\n/a\r\nhost: {host}".encode()))
    silent = opened._journal.begin(b"http\r\n/a\r\nhost: silent.test")
    opened.open(silent)
    opened.set_pending([silent], True)
    opened.open(opened._journal.begin(b"damaged"))
    assert [*opened.report().hosts][:2] == ["two.test", "one.test"]
    assert set(opened.report().hosts) == {"one.test", "two.test", "x" * 255, ""}
    assert opened.report().elsewhere == 1
    for number in range(30):
        opened.open(opened._journal.begin(f"http\r\n/a\r\nhost: {number}.test".encode()))
    assert len(opened.report().hosts) == HOSTS_REPORTED
    assert opened.report().elsewhere == 19
    opened.close(opened.numbers)
    await opened.forget_written()
    assert (opened.report().hosts, opened._hosts) == ([], {})
