"""How to let Edgeward purge each kind of cache."""

import re
from pathlib import Path

import pytest

from edgeward.caches import DRIVERS, CacheDriver
from edgeward.caches.cdn_driver import CdnDriver
from edgeward.doctor.access_fixes import fix_of
from edgeward.settings.cache_settings import CACHE_TYPES, driver_of

GUIDE = Path(__file__).parents[2] / "docs" / "deployment.md"
SETTINGS = {driver_of(kind): set(kind.model_fields) for kind in CACHE_TYPES}
WORDS = ("token", "zone", "credentials", "service", "distribution", "secret")


@pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.name)
def test_every_kind_has_its_own_words(driver: type[CacheDriver]) -> None:
    """A chapter of the guide, and only settings that such a cache has: nginx Plus has no token and no zone."""
    fix = fix_of(driver)
    (chapter,) = re.findall(r'docs/deployment.md, "([^"]+)"', fix)
    assert f"\n## {chapter}\n" in GUIDE.read_text()
    if driver.name == "generic" or not issubclass(driver, CdnDriver):
        has = SETTINGS[driver.name]
        assert [word for word in WORDS if re.search(rf"\b{word}\b", fix) and word not in has] == []
    else:
        assert driver.credential_settings in fix and driver.resource_settings in fix


def test_no_two_self_hosted_kinds_share_their_words() -> None:
    """Each needs something else."""
    fixes = [fix_of(driver) for driver in DRIVERS if not issubclass(driver, CdnDriver) or driver.name == "generic"]
    assert len(set(fixes)) == len(fixes)
