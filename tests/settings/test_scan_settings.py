"""[[scan_exceptions]]: hosts and paths as they are compared, and what is impossible."""

from pathlib import Path

import pytest

from edgeward.errors import ConfigError
from edgeward.settings.loading import load


def written(directory: Path, text: str) -> Path:
    path = directory / "edgeward.toml"
    path.write_text(f"[[scan_exceptions]]\n{text}\n")
    return path


def test_hosts_and_paths_are_normalized(tmp_path: Path) -> None:
    """As those of lists are: lower case, without a final dot, percent-encoded."""
    config = load(written(tmp_path, 'hosts = ["LAW.test.", "*.law.test"]\npaths = ["/größe/"]'), {})
    (exception,) = config.scan_exceptions
    assert exception.hosts == ("law.test", "*.law.test")
    assert exception.paths == ("/gr%C3%B6%C3%9Fe/",)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('paths = ["/x/"]', "hosts"),
        ("hosts = []", "hosts"),
        ('hosts = ["*"]', "every host"),
        ('hosts = ["a.test:80"]', "port"),
        ('hosts = ["a.test"]\npaths = ["x"]', "beginning of a path"),
        ('hosts = ["a.test"]\npaths = ["/a/../b"]', "dot segments"),
        ('hosts = ["a.test"]\npath = ["/a/"]', "unknown key"),
    ],
)
def test_what_is_impossible_is_named(tmp_path: Path, text: str, why: str) -> None:
    """With the table and the key, before any port is bound."""
    with pytest.raises(ConfigError, match=f"scan_exceptions.*{why}"):
        load(written(tmp_path, text), {})
