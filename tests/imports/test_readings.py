"""The files that a controller reads now."""

import pytest

from edgeward.errors import Conflict, NotFound
from edgeward.imports import readings as module
from edgeward.imports.readings import Readings


def test_a_reading_is_found_while_it_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its id; two of one id, and too many, are refused."""
    readings = Readings()
    with readings.begin("a") as reading:
        reading.begin("reading", 5)
        assert readings.get("a") is reading
        with pytest.raises(Conflict, match="'a' is under way"), readings.begin("a"):
            pass
        with readings.begin(""), readings.begin(""):
            monkeypatch.setattr(module, "MAX_READINGS", 3)
            with pytest.raises(Conflict, match="3 files"), readings.begin("b"):
                pass
        with readings.begin("b"):
            pass
    with pytest.raises(NotFound, match="'a'"):
        readings.get("a")
