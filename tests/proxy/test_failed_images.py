"""Images on which a hasher failed."""

from tests.support.eventually import eventually

from edgeward.proxy import failed_images as module
from edgeward.proxy.failed_images import LONGEST_PAUSE_SECONDS, FailedImages, PublishedFailure
from edgeward.store.connection import Store
from edgeward.types import Fingerprint, Flaw


def failed(number: int, flaw: Flaw = Flaw.CRASHED) -> Fingerprint:
    return Fingerprint(f"{number:064x}", "image/gif", 1, (), flaw=flaw)


def test_they_are_bounded() -> None:
    """However many images fail, a bounded number is remembered, the latest."""
    images = FailedImages(None)
    for number in range(module.MAX_REMEMBERED + 100):
        images.add(f"{number}", failed(number))
    assert len(images) == len(images._until) <= module.MAX_REMEMBERED
    assert images.get(f"{module.MAX_REMEMBERED + 99}") is not None
    assert images.get("0") is None


def test_the_pause_grows_up_to_a_bound() -> None:
    """From ten seconds to an hour, after any number of failures."""
    images = FailedImages(None)
    pauses = []
    for _ in range(2000):
        images.add("key", failed(1))
        pauses.append(images.retry_seconds(failed(1).sha256))
    assert pauses[:3] == [10, 20, 40]
    assert pauses[-1] == 3600


async def test_other_workers_learn_of_them(store: Store) -> None:
    """By the store, for the rest of the pause, with the number of failures."""
    first, second = FailedImages(store), FailedImages(store)
    for _ in range(3):
        first.add("key,a", failed(1, Flaw.TIMEOUT))
    await first.publish("key,a")
    found = await second.published("key,a")
    assert found is not None
    assert (found.flaw, found.failures, round(found.seconds)) == (Flaw.TIMEOUT, 3, 40)
    assert await second.published("key,b") is None
    second.add_published("key,a", failed(1, Flaw.TIMEOUT), found)
    assert second.get("key,a") == failed(1, Flaw.TIMEOUT)
    second.add("key,a", failed(1))
    assert second.retry_seconds(failed(1).sha256) == 80


async def test_a_record_expires_with_its_pause(store: Store) -> None:
    """After it, any worker tries the image again."""
    images = FailedImages(store)
    images.add_published("key", failed(1), PublishedFailure(Flaw.CRASHED, 1, 0.2))
    await images.publish("key")

    async def expired() -> bool:
        return await images.published("key") is None and images.get("key") is None

    await eventually(expired)


async def test_what_the_store_says_is_checked(store: Store) -> None:
    """A record that is none of ours counts for nothing; nor does one that would last longer than any pause, since the
    store's clock was set back."""
    images = FailedImages(store)
    for record in (b"", b"crashed", b"crashed,x", b"overloaded,1", b"nonsense,1"):
        await store.redis.set(images._store_key("key"), record, px=10_000)
        assert await images.published("key") is None
    await store.redis.set(images._store_key("key"), b"crashed,1", px=int(1000 * LONGEST_PAUSE_SECONDS) + 60_000)
    assert await images.published("key") is None
