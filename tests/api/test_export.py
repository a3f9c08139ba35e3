"""Exports through the API."""

import json

from tests.support.controllers import Api

HASHES = [f"md5:{number:032x}" for number in range(1, 2500)]


def test_a_list_is_exported_whole(api: Api, a_list: str) -> None:
    """As a file, with the type of its format."""
    api.post(f"/lists/{a_list}/entries", {"hashes": HASHES, "reason": "order 17"})
    answer = api.get(f"/lists/{a_list}/export")
    rows = [json.loads(line) for line in answer.body.splitlines()]
    assert sorted(f"{row['type']}:{row['value']}" for row in rows) == HASHES
    assert {row["reason"] for row in rows} == {"order 17"}
    assert answer.headers["Content-Type"].startswith("application/jsonl")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{a_list}.jsonl"'
    text = api.get(f"/lists/{a_list}/export", format="text", type="md5").body.decode()
    assert sorted(text.splitlines()) == HASHES
    assert api.get(f"/lists/{a_list}/export", format="csv", type="pdq").body.decode().splitlines()[1:] == []


def test_what_can_not_be_exported_is_a_problem(api: Api, a_list: str) -> None:
    """Before anything of it is sent."""
    assert api.get("/lists/none-such/export").status == 404
    for key, value in (("format", "xlsx"), ("type", "crc"), ("colour", "red")):
        answer = api.get(f"/lists/{a_list}/export", **{key: value})
        assert (answer.status, answer.json["key"]) == (422, key)
