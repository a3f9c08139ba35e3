"""Checks of the isolation of hashers."""

import pytest

from edgeward.doctor.finding import Health
from edgeward.doctor.hashers import check_hashers
from edgeward.isolation.protocol import LAYERS


def test_all_layers_are_ok() -> None:
    """With all layers there is nothing to fix."""
    (finding,) = check_hashers(frozenset(LAYERS))
    assert (finding.health, finding.fix) == (Health.OK, "")


@pytest.mark.parametrize("missing", LAYERS)
def test_a_missing_layer_is_named(missing: str) -> None:
    """A missing layer is a warning that names it and says how to get it."""
    (finding,) = check_hashers(frozenset(LAYERS) - {missing})
    assert finding.health is Health.WARN
    assert f"without {missing}:" in finding.detail
    assert finding.fix.startswith(f"{missing}: ")


def test_several_missing_layers_are_all_named() -> None:
    """Without any layer, all of them."""
    (finding,) = check_hashers(frozenset())
    assert all(layer in finding.detail and layer in finding.fix for layer in LAYERS)


def test_without_a_hasher_the_check_is_skipped() -> None:
    """There is nothing to check."""
    assert check_hashers(None)[0].health is Health.SKIPPED
