"""How far an import is, by the record of its job."""

from edgeward.background.job_store import JobRecord
from edgeward.imports.import_progress import ImportProgress


def test_the_state_follows_from_the_record() -> None:
    """A held job waits for a person; one whose lease has ended for another controller."""
    open_job = JobRecord(b"", {b"listed": b"3"}, 7.0, {}, clock=6.0)
    assert (ImportProgress.of(open_job).state, ImportProgress.of(open_job).chunks_listed) == ("running", 3)
    assert ImportProgress.of(JobRecord(b"", {}, 7.0, {}, clock=8.0)).state == "interrupted"
    held = ImportProgress.of(JobRecord(b"", {b"held": b"{}"}, None, {}, held_at=1.0))
    assert (held.state, held.held) == ("held", "{}")
    rejected = ImportProgress.of(JobRecord(b"", {b"held": b"{}", b"state": b"failed", b"error": b"no"}, None, {}))
    assert (rejected.state, rejected.error) == ("failed", "no")
