"""Imports through the API of a real controller."""

import gzip
import hashlib
import json
import time
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
from tests.support.controllers import Api, ask_until
from tests.support.edges import Edge

TEXT = "text/plain"


def md5(text: object) -> str:
    return hashlib.md5(str(text).encode()).hexdigest()


def lines(count: int, salt: str = "") -> bytes:
    return "".join(f"md5:{md5(f'{salt}{number}')}\n" for number in range(count)).encode()


def ended(api: Api, job_id: str) -> dict[str, object]:
    return dict(ask_until(lambda: api.get(f"/jobs/{job_id}"), lambda job: job["state"] in ("done", "failed")))


def test_a_file_is_listed(api: Api, a_list: str) -> None:
    """Every hash of the file is listed with its reason. The job says how many were new, and the versions it made."""
    before = api.get("/status").json["version"]
    answer = api.ask("POST", f"/lists/{a_list}/imports", lines(2500), TEXT, reason="order 17")
    assert answer.status == 202
    job = answer.json["job"]
    assert answer.headers["Location"] == f"/api/v1/jobs/{job['id']}"
    assert (job["list"], job["total"], job["bad"], job["repeated"]) == (a_list, 2500, 0, 0)
    done = ended(api, job["id"])
    assert (done["state"], done["listed"], done["added"], done["known"], done["matched"]) == (
        "done",
        2500,
        2500,
        0,
        2500,
    )
    assert done["versions"] == [before + 1, before + 2500]
    assert (done["orders"], done["owed"]) == (0, {})
    assert api.get(f"/lists/{a_list}").json["entries"] == 2500
    entry = api.get(f"/lists/{a_list}/entries", limit=1).json["entries"][0]
    assert (entry["reason"], entry["added_by"], entry["added_at"]) == ("order 17", "local", done["at"])
    again = api.ask("POST", f"/lists/{a_list}/imports", lines(2501), TEXT, wait="verified").json["job"]
    assert (again["state"], again["added"], again["known"]) == ("done", 1, 2500)


@pytest.mark.parametrize(
    ("body", "content_type", "query"),
    [
        (f"type,value,reason\nmd5,{md5(1)},r\n".encode(), "text/csv", {}),
        (json.dumps({"type": "md5", "value": md5(1), "reason": "r"}).encode(), "application/x-ndjson", {}),
        (md5(1).encode(), TEXT, {"type": "md5", "reason": "r"}),
        (f"value\n{md5(1)}".encode(), "application/octet-stream", {"format": "csv", "type": "md5", "reason": "r"}),
    ],
)
def test_formats(api: Api, a_list: str, body: bytes, content_type: str, query: dict[str, str]) -> None:
    """Text, CSV and JSON lines, by Content-Type or query parameter, also with gzip."""
    path = f"/lists/{a_list}/imports"
    packed = api.ask(
        "POST", path, gzip.compress(body), content_type, {"Content-Encoding": "gzip"}, wait="verified", **query
    )
    assert (packed.status, packed.json["job"]["added"]) == (202, 1)
    (entry,) = api.get(f"/lists/{a_list}/entries").json["entries"]
    assert (entry["type"], entry["value"], entry["reason"]) == ("md5", md5(1), "r")


def test_bad_lines(api: Api, a_list: str) -> None:
    """If a line is bad nothing is listed, unless bad lines are skipped. A dry run only reports them."""
    body = lines(3) + b"md5:12\nnonsense\n"
    path = f"/lists/{a_list}/imports"
    refused = api.ask("POST", path, body, TEXT)
    assert (refused.status, refused.json["title"]) == (422, "Bad lines")
    assert "line 4: md5:12" in refused.json["detail"]
    assert "line 5: 'nonsense'" in refused.json["detail"]
    dry = api.ask("POST", path, body, TEXT, dry_run="true").json
    assert (dry["total"], dry["bad"], [each["line"] for each in dry["bad_lines"]]) == (3, 2, [4, 5])
    assert api.get(f"/lists/{a_list}").json["entries"] == 0
    skipped = api.ask("POST", path, body, TEXT, skip_bad="true", wait="verified").json["job"]
    assert (skipped["added"], skipped["bad"], skipped["state"]) == (3, 2, "done")


@pytest.mark.parametrize(
    ("name", "body", "content_type", "query", "status"),
    [
        ("nowhere", b"", TEXT, {}, 404),
        ("", b"\x89PNG\r\n\x1a\n" + 30 * b"\0", "image/png", {}, 422),
        ("", b"", TEXT, {"format": "word"}, 422),
        ("", b"", TEXT, {"map": "md5"}, 422),
        ("", b"", TEXT, {"separator": "::"}, 422),
        ("", b"", TEXT, {"type": "sha3"}, 422),
        ("", b"\xff", TEXT, {}, 422),
        ("", b"", TEXT, {"skip_bad": "perhaps"}, 422),
        ("", b"", TEXT, {"color": "red"}, 422),
    ],
)
def test_refusals(
    api: Api, a_list: str, name: str, body: bytes, content_type: str, query: dict[str, str], status: int
) -> None:
    """An unknown list, a wrong type, an invalid value: a problem document, and no job."""
    before = len(api.get("/jobs", limit=1000).json["jobs"])
    answer = api.ask("POST", f"/lists/{name or a_list}/imports", body, content_type, **query)
    assert (answer.status, answer.headers["Content-Type"].partition(";")[0]) == (status, "application/problem+json")
    assert len(api.get("/jobs", limit=1000).json["jobs"]) == before


def test_an_empty_file_is_a_job_that_is_done(api: Api, a_list: str) -> None:
    """Nothing to list is not an error."""
    job = api.ask("POST", f"/lists/{a_list}/imports", b"# nothing\n", TEXT, wait="verified").json["job"]
    assert (job["state"], job["total"], job["versions"], job["owed"]) == ("done", 0, None, {})


def test_an_imported_image_is_gone_or_owed(edge: Edge) -> None:
    """A job that is waited for names the caches that still owe purges. The others hold no copy."""
    name = "imported"
    assert edge.api.post("/lists", {"name": name}).status == 201
    body = b"\xff\xd8\xff" + b"not really a picture, but seen"
    edge.serve("/imported.jpg", body)
    edge.see("/imported.jpg", body)
    file = lines(1500) + f"md5:{md5('other')}\nsha256:{hashlib.sha256(body).hexdigest()}\n".encode()
    path = f"/lists/{name}/imports"
    began = time.monotonic()
    job_id = edge.api.ask("POST", path, file, TEXT, wait="verified", timeout=0.3).json["job"]["id"]
    assert time.monotonic() - began >= 0.3
    job = ask_until(
        lambda: edge.api.get(f"/jobs/{job_id}", wait="verified", timeout=0.3),
        lambda job: job["state"] == "done" and job["owed"].keys() == {"dead"},
    )
    assert (job["state"], job["orders"], job["owed"], job["matched"]) == ("done", 1, {"dead": 1}, 1502)
    assert not edge.holds("/imported.jpg")


def test_an_import_says_what_became_of_its_purges(api: Api, a_list: str) -> None:
    """Where it is waited for; and that its list blocks nothing, if so."""
    job = api.ask("POST", f"/lists/{a_list}/imports", lines(2), TEXT, wait="verified").json["job"]
    assert (job["purge"]["state"], job["purge"]["orders"], job["not_matching"]) == ("nothing", 0, [])
    assert "purge" not in api.get(f"/jobs/{job['id']}").json
    api.patch(f"/lists/{a_list}", {"mode": "monitor"})
    job = api.ask("POST", f"/lists/{a_list}/imports", lines(2), TEXT).json["job"]
    assert "mode monitor" in job["not_matching"][0]["why"]


def test_a_file_over_the_limit_is_refused(api: Api, a_list: str) -> None:
    """By its announced length, before it is sent: the answer names the setting."""
    parts = urlsplit(api.url)
    connection = HTTPConnection(parts.hostname or "", parts.port)
    headers = {"Authorization": f"Bearer {api.token}", "Content-Length": str(2**60)}
    connection.request("POST", f"/api/v1/lists/{a_list}/imports", headers=headers)
    answer = connection.getresponse()
    assert (answer.status, "imports.max_bytes" in json.loads(answer.read())["detail"]) == (413, True)
    connection.close()


def test_a_dry_run_says_what_a_file_would_do(api: Api, a_list: str) -> None:
    """How it was read, what is new, changed and withdrawn, and what it would block: nothing was seen here."""
    api.ask("POST", f"/lists/{a_list}/imports", lines(3), TEXT, wait="verified")
    rows = [f"{md5(number)};{number};{'remove' if number == 1 else 'add'}" for number in range(5)]
    body = "\n".join(["hash;id;action", *rows]).encode()
    options = {"map": "md5=hash,source_id=id,withdrawn=action", "separator": ";", "header": "true", "format": "csv"}
    found = api.ask("POST", f"/lists/{a_list}/imports", body, "text/csv", dry_run="true", **options).json
    assert (found["total"], found["new"], found["known"], found["changed"]) == (4, 2, 2, 2)
    assert (found["withdrawals"], found["withdrawn"], found["not_listed"]) == (1, 1, 0)
    assert (found["effect"]["images"], found["effect"]["searched"], found["effect"]["at_least"]) == (0, 2, False)
    assert api.get(f"/lists/{a_list}").json["entries"] == 3
    assert api.get(f"/lists/{a_list}").json["import_profile"] == {}
    job = api.ask("POST", f"/lists/{a_list}/imports", body, wait="verified", save_profile="true", **options).json["job"]
    assert (job["added"], job["known"], job["withdrawn"], job["profile_saved"]) == (2, 2, 1, True)
    again = api.ask("POST", f"/lists/{a_list}/imports", body, wait="verified").json["job"]
    profile = api.get(f"/lists/{a_list}").json["import_profile"]
    assert (again["known"], again["profile"]) == (4, profile)
    assert profile["map"] == {"md5": "hash", "source_id": "id", "withdrawn": "action"}
