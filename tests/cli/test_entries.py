"""`add` and `remove`: nothing is sent until the whole command is known to be valid."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import ACTIVE, ENTRY, Api, Ended

from edgeward.errors import BadImage, BadSignal, EdgewardError, NotFound, UserError

type Run = Callable[..., Ended]
ENTRIES = "POST /api/v1/lists/court/entries"
MD5 = f"md5:{ENTRY['value']}"
PDQ = "pdq:f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22"


def _added(**more: Any) -> dict[str, Any]:
    return {"entries": [ENTRY], "notes": [], **ACTIVE, **more}


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n bytes")
    return path


def test_hashes_go_in_one_request(api: Api, edgeward: Run) -> None:
    """All hashes of a command go into one request, with reason and quality."""
    api.answer(ENTRIES, _added(), 201)
    ended = edgeward("add", "court", "--hash", MD5, "--hash", PDQ, "--quality", 90, "--reason", "r")
    assert ended.status == 0
    assert api.requests[0].json == {"hashes": [MD5, PDQ], "quality": 90, "reason": "r"}
    assert ENTRY["id"] in ended.out


def test_a_picture_is_sent_unchanged(api: Api, edgeward: Run, picture: Path) -> None:
    """The API gets the bytes of the file and which hash types to list."""
    api.answer(ENTRIES, _added(notes=["pdq was left out"]), 201)
    ended = edgeward("add", "court", "--image", picture, "--signals", "sha256,phash", "--reason", "r")
    assert api.requests[0].body == picture.read_bytes()
    assert api.requests[0].path.endswith("?reason=r&signals=sha256%2Cphash")
    assert "pdq was left out" in ended.err


def test_several_responses_are_printed_as_one(api: Api, edgeward: Run, picture: Path) -> None:
    """Hashes and pictures together give one object: the newest version, all entries, and the sums of owed purges."""
    purge = {"orders": 2, "owed": {"varnish-1": 1}, "refused": {"varnish-1": 1}, "matched": True}
    api.answer(ENTRIES, _added(purge=purge, notes=["n"]), 201)
    ended = edgeward("add", "court", "--hash", MD5, "--image", picture, "--image", picture, "--wait", "--json")
    assert ended.json == {
        "entries": [ENTRY] * 3,
        "version": 7,
        "active": True,
        "waiting_for": [],
        "notes": ["n"] * 3,
        "purge": {"orders": 6, "owed": {"varnish-1": 3}, "refused": {"varnish-1": 3}, "matched": True},
    }


def test_wait_asks_for_verified_purges(api: Api, edgeward: Run) -> None:
    """--wait and --timeout become parameters of the API; status 0 if all is verified."""
    api.answer(ENTRIES, _added(purge={"orders": 2, "owed": {}, "matched": True}), 201)
    ended = edgeward("add", "court", "--hash", MD5, "--wait", "--timeout", 5)
    assert api.requests[0].path.endswith("?wait=verified&timeout=5.0")
    assert (ended.status, ended.out.splitlines()[-1]) == (0, "2 purges done and verified")


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_what_is_still_owed_is_status_1(api: Api, edgeward: Run, options: list[str]) -> None:
    """A cache that has not been purged in time is named, and the output does not claim success."""
    api.answer(ENTRIES, _added(purge={"orders": 2, "owed": {"varnish-1": 2}, "matched": True}), 201)
    ended = edgeward("add", "court", "--hash", MD5, "--wait", *options)
    assert ended.status == 1
    assert "varnish-1 still owes 2 purges" in ended.err
    assert "verified" not in ended.out


@pytest.mark.parametrize(
    ("argv", "error", "message"),
    [
        ([], UserError, "nothing to list"),
        (["--hash", "pdq:12"], BadSignal, "12"),
        (["--hash", MD5, "--hash", "nonsense"], BadSignal, "nonsense"),
        (["--hash", MD5, "--image", "/no/such.jpg"], NotFound, "/no/such.jpg"),
        (
            ["--hash", MD5, "--image", __file__],
            BadImage,
            "test_entries.py: the bytes are not an image of a known format",
        ),
        (["--hash", MD5, "--quality", "90"], UserError, "--quality needs a PDQ hash"),
        (["--hash", f"pdq-dhash:{'0' * 80}"], BadSignal, "its pdq: it matches blank images"),
        (["--hash", PDQ, "--signals", "pdq"], UserError, "--signals needs an image"),
        (["--hash", MD5, "--timeout", "0"], UserError, "--timeout"),
    ],
)
def test_a_wrong_command_lists_nothing(
    api: Api, edgeward: Run, argv: list[str], error: type[EdgewardError], message: str
) -> None:
    """If any part of a command is wrong, nothing is sent."""
    with pytest.raises(error, match=message):
        edgeward("add", "court", *argv)
    assert api.requests == []


def test_a_picture_that_the_api_refuses_is_named(api: Api, edgeward: Run, picture: Path) -> None:
    """The command adds the name of the file, which the API does not know."""
    api.problem(ENTRIES, 422, "nothing of it can be listed")
    with pytest.raises(UserError, match=r"a\.png: nothing of it can be listed"):
        edgeward("add", "court", "--image", picture)


def test_remove_names_what_went(api: Api, edgeward: Run) -> None:
    """An entry is removed from its list, with the reason, and is printed."""
    api.answer(f"DELETE /api/v1/lists/court/entries/{ENTRY['id']}", {"removed": ENTRY, **ACTIVE})
    ended = edgeward("remove", "court", ENTRY["id"], "--reason", "mistake")
    assert (ended.status, ended.out) == (0, f"removed {MD5} from court\n")
    assert api.requests[0].path.endswith("?why=mistake")
