"""The descriptions of settings, read from the source."""

import subprocess
import sys
from pathlib import Path

from edgeward.settings.cache_settings import CacheSettings, VarnishCache
from edgeward.settings.config import ProxySettings, StoreSettings
from edgeward.settings.descriptions import descriptions

ADDONS = str(Path(__file__).parents[2] / "addons")


def test_the_sentence_under_a_key_is_its_description() -> None:
    """Also one of several lines, and one of a key that the class inherits; a class that has its own, has that."""
    assert descriptions(ProxySettings)["workers"] == "Proxy processes that share the port. About one per core."
    assert descriptions(StoreSettings)["replicas"].startswith("Replicas that must confirm")
    assert descriptions(StoreSettings)["replicas"].endswith("a Sentinel set or a cluster, else 0.")
    assert descriptions(VarnishCache)["tier"] == descriptions(CacheSettings)["tier"]
    assert descriptions(VarnishCache)["driver"] == "Varnish with deploy/varnish/edgeward.vcl."


def test_every_key_has_one() -> None:
    """The keys are those of the class, and of no other."""
    assert set(descriptions(VarnishCache)) == set(VarnishCache.model_fields)


def test_processes_do_not_read_them() -> None:
    """The settings are made at each start of each process, without a look at the source: that takes long."""
    code = "import sys, edgeward.settings.loading; print('edgeward.settings.descriptions' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": ADDONS}, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("False\n", "")
