"""A long list is imported and rolled back while photographs are served through a real Varnish (`make million`)."""

from pathlib import Path

from tests.long_imports.long_import import play
from tests.support.programs import require


def test_nothing_listed_is_delivered_once_an_import_is_acknowledged(tmp_path: Path) -> None:
    """And nothing else is refused; after the rollback all is delivered again."""
    require("varnishd")
    assert play(tmp_path, 20_000, {"proxy": {"workers": 2}}).answers > 0
