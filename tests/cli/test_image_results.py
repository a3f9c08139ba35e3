"""What commands print that take several images."""

import json
from typing import Any

import pytest

from edgeward.cli.image_results import print_each
from edgeward.errors import ApiUnavailable, BadImage, EdgewardError, Exit, NotFound

type Found = list[tuple[str, int | EdgewardError]]
GOOD: Found = [("a", 1), ("c", 3)]
MIXED: Found = [("a", 1), ("b", BadImage("b: no image")), ("c", 3), ("d", NotFound("d: no such file"))]


def show(found: Found, as_json: bool = False) -> int:
    def to_json(value: int) -> dict[str, Any]:
        return {"value": value}

    return print_each(as_json, "file", found, to_json, lambda name, value: print(name, value), lambda value: value == 3)


def test_good_results_are_printed_before_the_errors(capsys: pytest.CaptureFixture[str]) -> None:
    """A bad image among good ones hides none of them; every bad one is named at the end."""
    with pytest.raises(BadImage, match=r"(?s)^b: no image\nd: no such file$") as caught:
        show(MIXED)
    assert capsys.readouterr().out == "a 1\nc 3\n"
    assert caught.value.exit_status is Exit.USER_ERROR


def test_json_has_an_entry_for_each_image(capsys: pytest.CaptureFixture[str]) -> None:
    """One document, in the order of the arguments; the errors also go to standard error."""
    assert show(MIXED, as_json=True) == Exit.USER_ERROR
    out, err = capsys.readouterr()
    assert json.loads(out) == [
        {"file": "a", "value": 1},
        {"file": "b", "error": "b: no image"},
        {"file": "c", "value": 3},
        {"file": "d", "error": "d: no such file"},
    ]
    assert err == "edgeward: b: no image\nedgeward: d: no such file\n"


@pytest.mark.parametrize("as_json", [True, False])
def test_without_errors_the_results_decide(as_json: bool) -> None:
    """On the exit status."""
    assert show(GOOD, as_json) == Exit.FOUND
    assert show(GOOD[:1], as_json) == Exit.DONE


@pytest.mark.parametrize("as_json", [True, False])
def test_without_any_result_the_error_is_raised(as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """So that nothing but the error is printed."""
    with pytest.raises(ApiUnavailable):
        show([("a", ApiUnavailable("no response"))], as_json)
    assert capsys.readouterr().out == ""
