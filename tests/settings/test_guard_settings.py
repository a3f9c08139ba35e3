"""The settings of the guard."""

import pytest
from pydantic import ValidationError

from edgeward.settings.guard_settings import GuardSettings


@pytest.mark.parametrize("place", ["www.example.org", "www.example.org:8080/logo/a%20b", "[::1]/x"])
def test_a_place_is_a_host_with_or_without_a_path(place: str) -> None:
    """A port belongs to the host."""
    assert GuardSettings(protected=(place,)).protected == (place,)


@pytest.mark.parametrize("values", [{"protected": ["http://a/"]}, {"protected": ["a b"]}, {"share": 0}, {"share": 1.1}])
def test_a_wrong_value_is_refused(values: dict[str, object]) -> None:
    """A URL would never match, and a share of 0 would hold everything."""
    with pytest.raises(ValidationError):
        GuardSettings.model_validate(values)
