"""The settings of sources."""

from typing import Any

import pytest
from pydantic import ValidationError
from tests.sources.minisign import Minisign

from edgeward.settings.source_settings import ListSourceSettings, is_url


def _source(**keys: Any) -> ListSourceSettings:
    return ListSourceSettings.model_validate({"name": "s", "list": "a", "location": "list.txt", **keys})


def test_a_location_is_a_path_or_a_url() -> None:
    """Other schemes are refused; a password in a URL is not shown."""
    assert not is_url(_source().location)
    url = _source(location="https://u:hush@h.example/x", public_key=Minisign().public_key)
    assert is_url(url.location) and "hush" not in repr(url.shown())
    for location in ("ftp://h.example/x", "http://", "http://h:0/x", "http://[x", ""):
        with pytest.raises(ValidationError, match="location"):
            _source(location=location)


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ({"signature": "x.minisig"}, "signature needs public_key"),
        ({"public_key": "RWQ="}, "is not the second line of a minisign.pub"),
        ({"location": "http://h", "token": "t", "username": "u", "password": "p"}, "exclude each other"),
        ({"location": "http://h", "username": "u"}, "need each other"),
        ({"token": "t"}, "location is a path"),
        ({"name": "two words"}, "name"),
    ],
)
def test_keys_that_do_not_fit(keys: dict[str, Any], why: str) -> None:
    """Each is an error that says so."""
    with pytest.raises(ValidationError, match=why):
        _source(**keys)
