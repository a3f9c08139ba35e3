"""What all cache drivers share."""

import typing

from tests.takedown.conftest import target

from edgeward.config import CacheSettings
from edgeward.takedown.caches import DRIVERS, driver_for
from edgeward.types import Delivery


def test_every_configurable_driver_exists() -> None:
    """The drivers that the settings allow are the drivers that there are."""
    allowed = typing.get_args(CacheSettings.model_fields["driver"].annotation)
    assert sorted(allowed) == sorted(driver.name for driver in DRIVERS)


async def test_a_target_that_cannot_be_asked_for_is_refused() -> None:
    """A target with a line break in it is refused without a request; the node counts as neither up nor down."""
    driver = driver_for(CacheSettings(name="edge", driver="varnish", url="http://127.0.0.1:9"))
    purged = await driver.purge(target("/a\r\nb"))
    assert (purged.delivery, purged.status) == (Delivery.REFUSED, 0)
