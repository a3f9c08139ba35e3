"""A replica's part in a refill; test_refill.py has the whole."""

import asyncio

from tests.support.eventually import eventually

from edgeward.background.worker_loop import WorkerLoop
from edgeward.lists.batches.batch_store import BatchStore
from edgeward.lists.replication.batch_preparation import BatchPreparation
from edgeward.lists.replication.batch_refill import BatchRefill
from edgeward.lists.replication.batch_updates import BatchUpdates
from edgeward.lists.replication.membership import Membership
from edgeward.lists.replication.refill import Refill, RefillRequest
from edgeward.lists.replication.refill_offer import RefillOffer
from edgeward.lists.replication.store_loss import StoreLoss
from edgeward.matching.batches.batch_files import BatchFiles
from edgeward.matching.matcher import Matcher
from edgeward.store.connection import Store


async def test_what_a_process_does_not_hold_it_does_not_offer(store: Store) -> None:
    """One that started after the loss offers nothing; one that is asked writes back once."""
    loop = WorkerLoop("replica", asyncio.Event().wait, metric_label="replica", retry_seconds=1.0)
    await Membership(store).heartbeat("r", 0)
    matcher, files, batches = Matcher(), BatchFiles.temporary(), BatchStore(store)
    updates = BatchUpdates(
        matcher, batches, BatchPreparation("r", files, store, Membership(store), asyncio.Event().wait)
    )
    of_batches = BatchRefill(store, matcher, batches, updates, files)
    offer, refill = RefillOffer(store, matcher, of_batches, "r", loop), Refill(store)
    await offer.make(StoreLoss(3, 7, False, 0.0), 9, "lost")
    assert not any(each.entries for each in (await refill.holdings()).values())
    await offer.make(StoreLoss(3, 7, True, 0.0), 9, "lost")
    held = (await refill.holdings())["r"]
    assert (held.lists, held.entries) == (3, 7)
    await refill.request(RefillRequest("r", "ana"))
    await offer.make(StoreLoss(3, 7, True, 0.0), 9, "lost")
    await eventually(refill.last, "the record of the refill")
    await offer.close()
