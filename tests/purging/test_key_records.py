"""What is known of a key, and what that says of orders."""

from edgeward.purging.key_records import NOTHING_KNOWN, KeyDoubt, KeyMismatch, KeyRecord

FOUND = KeyMismatch(("cookie",), "copies for other cookies", "use Vary", "check")
BEFORE = KeyMismatch(("origin",), "copies for other origins", "use Vary", "purge")


def test_which_orders_are_in_doubt() -> None:
    """All while a key is another; those of before once it is mended; none from before the cache was emptied."""
    now = KeyDoubt(FOUND.detail)
    past = KeyDoubt(BEFORE.detail, 20.0)
    for record, doubts in (
        (NOTHING_KNOWN, [None, None, None]),
        (KeyRecord(FOUND), [now, now, now]),
        (KeyRecord(past=BEFORE, past_until=20.0), [past, past, None]),
        (KeyRecord(FOUND, BEFORE, 20.0), [now, now, now]),
        (KeyRecord(FOUND, emptied_at=10.0), [None, now, now]),
        (KeyRecord(past=BEFORE, past_until=20.0, emptied_at=30.0), [None, None, None]),
    ):
        assert [record.doubt(at) for at in (10.0, 20.0, 30.0)] == doubts


def test_the_version_changes_with_what_is_in_doubt() -> None:
    """A kept summary is made again then. When a key was checked last changes nothing."""
    records = [
        NOTHING_KNOWN,
        KeyRecord(FOUND),
        KeyRecord(BEFORE),
        KeyRecord(past=FOUND, past_until=20.0),
        KeyRecord(past=FOUND, past_until=30.0),
        KeyRecord(past=FOUND, past_until=30.0, emptied_at=40.0),
        KeyRecord(checked_at=10.0),
    ]
    assert len({each.version for each in records}) == len(records)
    assert KeyRecord(checked_at=10.0).version == KeyRecord(checked_at=20.0).version
