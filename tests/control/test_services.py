"""What the handlers work with."""

from pathlib import Path

from tests.control.controllers import settings

from edgeward.control.services import CALLER, SERVICES, Services


def test_the_keys_have_names_of_their_own() -> None:
    """Two values under one key of the application or of a request would hide each other."""
    assert str(SERVICES) != str(CALLER)


def test_the_caches_are_those_of_the_settings(tmp_path: Path) -> None:
    """Who owes a purge is asked of every configured cache, by name."""
    caches = [
        {"name": "inner", "driver": "varnish", "url": "http://127.0.0.1:1"},
        {"name": "outer", "driver": "nginx", "url": "http://127.0.0.1:2", "tier": 1},
    ]
    config = settings("unix:///nowhere", tmp_path, caches=caches)

    class Rooms(Services):
        def __init__(self) -> None:
            object.__setattr__(self, "config", config)

    assert Rooms().caches == ["inner", "outer"]
