"""How well hashers are isolated is said, and what is missing is named with what mends it."""

import pytest

from edgeward.control.doctor import hashers
from edgeward.control.doctor.finding import Health
from edgeward.isolation.frames import LAYERS


def test_all_layers_are_well() -> None:
    """With each layer in place there is nothing to mend."""
    (finding,) = hashers.examine(frozenset(LAYERS))
    assert (finding.health, finding.mend) == (Health.OK, "")


@pytest.mark.parametrize("missing", LAYERS)
def test_a_missing_layer_is_named(missing: str) -> None:
    """One that does not hold is a warning that names it and says how to have it."""
    (finding,) = hashers.examine(frozenset(LAYERS) - {missing})
    assert finding.health is Health.WARN
    assert f"without {missing}:" in finding.said
    assert finding.mend.startswith(f"{missing}: ")


def test_several_missing_layers_are_all_named() -> None:
    """Without any layer all of them are."""
    (finding,) = hashers.examine(frozenset())
    assert all(layer in finding.said and layer in finding.mend for layer in LAYERS)


def test_without_a_hasher_nothing_is_claimed() -> None:
    """Where none has started the question stays open."""
    assert hashers.examine(None)[0].health is Health.SKIPPED
