"""Files that are sent to be imported, to a real controller."""

import asyncio
import gzip
import hashlib
import socket
from typing import cast
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from tests.support.controllers import Api, ask_until
from tests.support.eventually import eventually, until

from edgeward.api import uploads as module
from edgeward.imports import temporary_files
from edgeward.imports.reading import Reading

TEXT = "text/plain"


def lines(count: int) -> bytes:
    return "".join(f"md5:{hashlib.md5(str(number).encode()).hexdigest()}\n" for number in range(count)).encode()


def test_a_large_file_goes_to_the_disk(api: Api, a_list: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In parts, after its content-coding is undone; what is in it is listed."""
    monkeypatch.setattr(module, "MEMORY_BYTES", 10_000)
    monkeypatch.setattr(module, "BYTES_PER_WRITE", 4096)
    body = gzip.compress(lines(3000))
    answer = api.ask("POST", f"/lists/{a_list}/imports", body, TEXT, {"Content-Encoding": "gzip"}, wait="verified")
    assert (answer.status, answer.json["job"]["added"]) == (202, 3000)
    # Not only as a content-coding: the file itself may be compressed.
    again = api.ask("POST", f"/lists/{a_list}/imports", body, TEXT, wait="verified").json["job"]
    assert (again["known"], again["compression"], again["format_title"]) == (
        3000,
        "gzip",
        "plain text with a hash in each line",
    )


def test_a_full_disk_is_said(api: Api, a_list: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is imported, and the caller may try again."""
    monkeypatch.setattr(module, "MEMORY_BYTES", 1000)
    monkeypatch.setattr(temporary_files, "KEPT_FREE_SHARE", 1.0)
    monkeypatch.setattr(temporary_files, "KEPT_FREE_BYTES", 2**60)
    answer = api.ask("POST", f"/lists/{a_list}/imports", lines(100), TEXT)
    assert (answer.status, "state_dir" in answer.json["detail"]) == (503, True)
    assert answer.json["type"] == "urn:edgeward:problem:no-disk-space"


def test_an_upload_is_followed(api: Api, a_list: str) -> None:
    """By the id that its client chose, while it is received; a client that leaves gives it up."""
    parts = urlsplit(api.url)
    with socket.create_connection((parts.hostname or "", parts.port or 0)) as client:
        head = (
            f"POST /api/v1/lists/{a_list}/imports?upload=mine HTTP/1.1\r\nHost: {parts.netloc}\r\n"
            f"Authorization: Bearer {api.token}\r\nContent-Length: 1000\r\n\r\n"
        )
        client.sendall(head.encode() + lines(3))
        half = len(lines(3))
        shown = ask_until(lambda: api.get("/uploads/mine"), lambda now: now.get("done") == half)
        assert dict(shown) == {"stage": "receiving", "done": half, "total": 1000}
        assert api.ask("POST", f"/lists/{a_list}/imports", b"", TEXT, upload="mine").status == 409
    until(lambda: api.get("/uploads/mine").status == 404)
    assert api.get("/uploads/mine", color="red").status == 422
    assert not any(job["list"] == a_list for job in api.get("/jobs", limit=1000).json["jobs"])


def test_an_upload_needs_an_operator(callers: dict[str, Api]) -> None:
    """It names no list, but what others do."""
    assert callers["viewer"].get("/uploads/a").status == 403


async def test_a_client_that_leaves_gives_its_import_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when all of its file is there, and is being read."""
    monkeypatch.setattr(module, "WATCH_SECONDS", 0.01)

    class Client:
        """Stands for the request of a client: that alone is looked at."""

        transport: object = None

    class Connection:
        closing = False

        def is_closing(self) -> bool:
            return self.closing

    client, connection, reading = Client(), Connection(), Reading()
    client.transport = connection
    async with module.given_up_without(cast("web.Request", client), reading):
        await asyncio.sleep(0)
        assert not reading.cancelled.is_set()
        connection.closing = True

        async def is_given_up() -> bool:
            return reading.cancelled.is_set()

        await eventually(is_given_up)
