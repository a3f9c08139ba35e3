"""The types of values that sections share."""

from pathlib import Path
from typing import Annotated

import pytest
from pydantic import AfterValidator, ValidationError

from edgeward.settings.setting_types import (
    ApiUrl,
    BaseUrl,
    HostPort,
    HttpUrl,
    SecretMark,
    Section,
    is_secret,
    read_secret,
)


class Example(Section):
    address: HostPort = "127.0.0.1:1"
    url: HttpUrl = "http://a/b"
    base: BaseUrl = "http://a"
    api: ApiUrl = "http://a/v1"
    secret: Annotated[str, AfterValidator(read_secret), SecretMark()] = ""


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("address", "localhost"),
        ("address", "a:70000"),
        ("url", "ftp://a"),
        ("url", "a/b"),
        ("base", "http://a/b"),
        ("api", "http://a/b?c"),
        ("api", "http://a/b#c"),
        ("secret", "env:EDGEWARD_TEST_NOT_SET"),
        ("secret", "file:/nowhere/at/all"),
        ("address", 1),
    ],
)
def test_what_is_not_possible_is_refused(key: str, value: object) -> None:
    """Each type refuses impossible values and converts nothing."""
    with pytest.raises(ValidationError):
        Example.model_validate({key: value})


def test_urls_lose_their_last_slash() -> None:
    """A path appended to such a URL brings its own slash."""
    example = Example(base="https://a:1/", api="https://a/v1/")
    assert (example.base, example.api) == ("https://a:1", "https://a/v1")


def test_a_secret_can_be_in_a_variable_or_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret is the setting itself, or in a variable, or in a file, whose last newline is left out."""
    (tmp_path / "secret").write_text("from a file\n")
    monkeypatch.setenv("SOME_SECRET", "from the environment")
    written = ["itself", "env:SOME_SECRET", f"file:{tmp_path / 'secret'}"]
    assert [Example(secret=text).secret for text in written] == ["itself", "from the environment", "from a file"]


def test_a_secret_is_marked() -> None:
    """Code that shows settings can tell which to leave out."""
    assert [name for name, field in Example.model_fields.items() if is_secret(field)] == ["secret"]
