"""How far an import is."""

from dataclasses import dataclass
from typing import Self

from edgeward.background.job_store import JobRecord


@dataclass(frozen=True, slots=True)
class ImportProgress:
    """How far an import is.

    Attributes:
        chunks_listed: number of chunks that are listed.
        chunks_matched: number of chunks that are matched against all sightings.
        added: number of entries that the job has added.
        entries_matched: how many of those are matched against all sightings.
        versions: the first and the last version of the lists that the job made; None if it made none yet.
        orders: number of purge orders so far.
        again: the highest version of the lists at which it has listed something again; 0: it has not.
        withdrawn: number of entries that it has taken off the list.
        withdrawal_chunks: number of chunks of withdrawn hashes that are carried out.
        source_chunks: number of chunks of withdrawn source ids that are carried out.
        cancelled_by: who cancelled it; "" if nobody did.
        prepared: of an import that is listed as a batch, number of rows that are ready to be listed.
        state: "running", "done" or "failed"; "interrupted" while no controller has it: another one takes it over;
            "held" while it waits for a person.
        error: why it failed.
        held: why a person had, or has, to approve it, as JSON (operations/guard.py); "": it needed no approval.
    """

    chunks_listed: int
    chunks_matched: int
    added: int
    entries_matched: int
    versions: tuple[int, int] | None
    orders: int
    state: str
    error: str
    again: int = 0
    withdrawn: int = 0
    withdrawal_chunks: int = 0
    source_chunks: int = 0
    cancelled_by: str = ""
    prepared: int = 0
    held: str = ""

    @classmethod
    def of(cls, record: JobRecord) -> Self:
        """From the record of the job."""
        fields = record.fields
        state = fields.get(b"state", b"running").decode()
        if state == "running" and record.is_interrupted:
            state = "interrupted"
        if record.held_at is not None:
            state = "held"

        def count(name: bytes) -> int:
            return int(fields.get(name, 0))

        return cls(
            chunks_listed=count(b"listed"),
            chunks_matched=count(b"matched"),
            added=count(b"added"),
            entries_matched=count(b"searched"),
            versions=(count(b"first"), count(b"last")) if b"first" in fields else None,
            orders=count(b"orders"),
            state=state,
            error=fields.get(b"error", b"").decode(),
            again=count(b"again"),
            withdrawn=count(b"withdrawn"),
            withdrawal_chunks=count(b"withdrawal_chunks"),
            source_chunks=count(b"source_chunks"),
            cancelled_by=fields.get(b"cancelled_by", b"").decode(),
            prepared=count(b"prepared"),
            held=fields.get(b"held", b"").decode(),
        )
