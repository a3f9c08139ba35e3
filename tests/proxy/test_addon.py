"""The gate in `mitmdump -s`."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from mitmproxy.test.tflow import tflow
from tests.proxy.conftest import Upstream, Worker, read_reply
from tests.support.eventually import eventually
from tests.support.programs import free_port
from tests.support.proxy_pictures import jpeg, sha256

from edgeward.lists.list_store import ListStore
from edgeward.proxy.addon import EdgewardAddon
from edgeward.store.connection import Store
from edgeward.types import Entry, HashList

SCRIPT = Path(__file__).parents[2] / "addons" / "edgeward_addon.py"
MITMDUMP = Path(sys.executable).with_name("mitmdump")


def write_config(tmp_path: Path, redis_url: str, namespace: str, upstream: str) -> Path:
    path = tmp_path / "edgeward.toml"
    path.write_text(
        f'state_dir = "state"\n[store]\nurl = "{redis_url}"\nnamespace = "{namespace}"\n'
        f'[proxy]\nupstream = "http://{upstream}"\n[hashing]\nprocesses = 1\ntimeout_ms = 30_000\n'
    )
    return path


def arguments(directory: Path, upstream: str, port: int, *options: str) -> list[str]:
    """Of mitmdump with the script."""
    mode = f"reverse:http://{upstream}@127.0.0.1:{port}"
    return ["-q", "-s", str(SCRIPT), "--set", f"confdir={directory / 'mitm'}", "--mode", mode, *options]


async def status(port: int, path: str) -> int:
    """Of the response; 503 while nothing listens, as until the gate is ready."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return 503
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: img.test\r\n\r\n".encode())
        return (await asyncio.wait_for(read_reply(reader), 60)).status
    except asyncio.IncompleteReadError:
        return 503
    finally:
        writer.close()


async def test_mitmdump_blocks(store: Store, redis_url: str, tmp_path: Path) -> None:
    """A listed image is a 451 through mitmdump with the script; another passes."""
    list_store = ListStore(store)
    await list_store.create_list(HashList("staff"), "test", "")
    await list_store.add_entries([Entry("staff", sha256(jpeg()))], "test")
    async with Upstream().running() as upstream:
        upstream.put("/a", jpeg(), "Content-Type: image/jpeg")
        upstream.put("/b", jpeg("coffee"), "Content-Type: image/jpeg")
        port = free_port()
        config = write_config(tmp_path, redis_url, store.namespace, upstream.address)
        process = await asyncio.create_subprocess_exec(
            MITMDUMP,
            *arguments(tmp_path, upstream.address, port),
            env={**os.environ, "EDGEWARD_CONFIG": str(config)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )

        async def ready() -> bool:
            return await status(port, "/b") != 503

        try:
            await eventually(ready, "the gate's start", seconds=90)
            assert await status(port, "/b") == 200
            assert await status(port, "/a") == 451
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            out, _ = await process.communicate()
            print(out.decode())


async def test_a_request_before_the_gate_is_ready_stays_refused(
    worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    """Also if the gate is ready before the refusal is sent. That it never saw the request is not logged as an error:
    an error would end a mitmdump that starts."""
    addon, flow = EdgewardAddon(), tflow(resp=True)
    await addon.requestheaders(flow)
    addon._runtime = worker.runtime
    await addon.response(flow)
    assert flow.response.status_code == 503
    assert "the gate failed" not in caplog.text


@dataclass(frozen=True, slots=True)
class FailedStart:
    """A mitmdump that did not start."""

    status: int
    output: str


STARTS = """
import json, os, sys
from mitmproxy.tools import dump
from mitmproxy.tools.main import mitmdump
import edgeward.proxy.addon

for start in json.loads(sys.argv[1]):
    child = os.fork()
    if not child:
        output = os.open(start["output"], os.O_WRONLY | os.O_CREAT)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.environ["EDGEWARD_CONFIG"] = start["config"]
        mitmdump(start["arguments"])
        sys.exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
"""Starts mitmdump once for each set of arguments, in a process that imports what it needs once for all."""


@pytest.fixture(scope="module")
def failed_starts(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, FailedStart]:
    """By what is wrong."""
    directory = tmp_path_factory.mktemp("starts")
    good, bad = write_config(directory, redis_url, "x", "127.0.0.1:9"), directory / "bad.toml"
    bad.write_text("nope = 1\n")
    options = {"nope": (), "stream_large_bodies": ("--set", "stream_large_bodies=1k")}
    options["body_size_limit"] = ("--set", "body_size_limit=1m")
    starts = [
        {
            "output": str(directory / wrong),
            "config": str(bad if wrong == "nope" else good),
            "arguments": arguments(directory, "127.0.0.1:9", free_port(), *more),
        }
        for wrong, more in options.items()
    ]
    process = subprocess.run(
        [sys.executable, "-c", STARTS, json.dumps(starts)],
        env={**os.environ, "PYTHONPATH": str(SCRIPT.parent)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=90,
    )
    statuses = map(int, process.stdout.split())
    return {
        wrong: FailedStart(status, (directory / wrong).read_text())
        for wrong, status in zip(options, statuses, strict=True)
    }


@pytest.mark.parametrize("option", ["stream_large_bodies", "body_size_limit"])
def test_options_that_let_bodies_pass_are_refused(failed_starts: dict[str, FailedStart], option: str) -> None:
    """With them mitmproxy would stream or cut bodies before the gate has seen them: it does not start."""
    assert failed_starts[option].status == 1
    assert f"{option} would let bodies pass unjudged" in failed_starts[option].output


def test_bad_settings_stop_it(failed_starts: dict[str, FailedStart]) -> None:
    """A mistake in the settings ends mitmdump with a message; it does not go on unfiltered."""
    assert failed_starts["nope"].status == 1
    assert "unknown key nope" in failed_starts["nope"].output
