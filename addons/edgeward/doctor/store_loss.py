"""Checks whether the store still has the lists that this process or this machine knew."""

from pathlib import Path

from edgeward.doctor.finding import Finding, fail, ok, skipped, warn
from edgeward.doctor.run_file import RunFile, is_running
from edgeward.lists.list_store import ListStore
from edgeward.lists.replication.refill import Refill, RefillRecord
from edgeward.lists.replication.replica import Replica
from edgeward.lists.replication.store_loss import (
    ACCEPTED,
    APPLIED_LISTS_FILE,
    AppliedLists,
    AppliedListsFile,
    described,
)
from edgeward.operations.statements import EMPTIED, moment
from edgeward.sightings.forgotten import ForgottenTargets
from edgeward.store.connection import Store

FIX = "do not restart any process; run: edgeward store refill"
EMPTY_CACHES = (
    "empty every cache, and then run: edgeward store refill --caches-emptied. A purge of the hosts by prefix "
    "(edgeward takedown --prefix URL) removes what is there, but this finding stays"
)
NONE_RUNS = (
    "`edgeward run` does not run with this state_dir. If Edgeward runs on other machines, restart none of them, and "
    "run there: edgeward store refill. If none runs, nothing holds the lists in memory: restore the store from a "
    "backup; or start Edgeward, accept the loss (edgeward store refill --accept-empty) and import the lists again"
)
"""What to do where no process of this machine has the lists."""


def check_loss(replica: Replica, store_answers: bool = True) -> Finding:
    """`replica`: the copy of a running controller. While the store does not answer it is not known what it has."""
    if replica.loss is not None:
        return fail("store", "data", replica.loss.reason, FIX)
    if not store_answers:
        held = f"{len(replica.matcher.lists)} lists with {sum(replica.matcher.counts().values())} entries"
        return skipped("store", "data", f"whether the store has its data is not known; this process holds {held}")
    if not (replica.ready and replica.loaded):
        return skipped("store", "data", "the lists are not loaded yet")
    return ok("store", "data", "the store has every list and entry that this process knows")


async def check_last_refill(store: Store, forgotten: ForgottenTargets, keep_seconds: float) -> list[Finding]:
    """Copies that caches stored before the store lost its data matter until every cache was emptied, as long as
    sightings are kept (`keep_seconds`). Agrees with what `--wait` and receipts say of them."""
    record, is_lost = await Refill(store).last(), (await forgotten.totals()).store_lost
    seconds, microseconds = await store.redis.time()
    if record and seconds + microseconds / 1e6 - record.at > keep_seconds:
        record = None
    if record is None and not is_lost:
        return []
    what = f"the store lost data{_in_words(record)}"
    emptied_at = await forgotten.emptied_at()
    # One is in whole milliseconds.
    if record and not is_lost and emptied_at >= record.at - 0.001:
        detail = f"{what}. Copies from before count as gone since {moment(emptied_at)}: {EMPTIED}"
        return [ok("store", "refill", detail)]
    return [warn("store", "refill", f"{what}. Copies that caches stored before are not known", EMPTY_CACHES)]


def _in_words(record: RefillRecord | None) -> str:
    """What the last refill did."""
    if record is None:
        return ""
    what = "its loss was accepted" if record.mode == ACCEPTED else f"{record.entries} entries came back from memory"
    return f"; {what} at version {record.version}"


async def check_applied_lists(state_dir: Path, store: Store) -> Finding:
    """The same without an answer of the controller: compares the store with what this machine applied last."""
    before = AppliedListsFile(state_dir / APPLIED_LISTS_FILE).read()
    if before is None:
        return skipped("store", "data", "this machine has not recorded which lists it applied: a first start")
    list_store = ListStore(store)
    lists = await list_store.lists()
    version, counts = await list_store.counts([each.name for each in lists])
    # Which of their rows are listed is known where their files are. That there are as many is enough here.
    rows = sum([await list_store.batches.most_listed(each.name) for each in lists])
    history, replaced = await Refill(store).history(before.history)
    lacks = before.lacks(AppliedLists(history, version, len(lists), sum(counts) + rows), replaced)
    if lacks is None:
        return ok("store", "data", f"the store has what this machine applied last (version {before.version})")
    detail = f"the store lost its data: this machine had applied {described(before.lists, before.entries)}, "
    return fail(
        "store",
        "data",
        f"{detail}and {described(*lacks)} are missing",
        FIX if _runs(state_dir) else NONE_RUNS,
    )


def _runs(state_dir: Path) -> bool:
    """Whether a process of `edgeward run` on this machine may hold the lists in memory."""
    run_file = RunFile.read(state_dir)
    return run_file is not None and any(map(is_running, (*run_file.proxies, *run_file.controllers)))
