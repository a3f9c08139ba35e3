"""What tests do beside a judge: list an image, and wait for what was written. Where images are judged."""

import asyncio

from tests.support.proxy_pictures import sha256

from edgeward.lists.list_store import ListStore
from edgeward.lists.replication.replica import Replica
from edgeward.store.connection import Store
from edgeward.types import Entry, HashList, Target

TARGET = Target("http", "img.example.org", "/a.jpg")


async def fingerprints_stored() -> None:
    """Wait until the fingerprints made so far are in the store."""
    await asyncio.gather(*(task for task in asyncio.all_tasks() if task.get_name() == "store fingerprint"))


async def list_image(store: Store, replica: Replica, image: bytes) -> None:
    list_store = ListStore(store)
    await list_store.create_list(HashList("staff"), "test", "")
    (change,) = await list_store.add_entries([Entry("staff", sha256(image))], "test")
    assert await replica.wait_version(change.version, 60)
