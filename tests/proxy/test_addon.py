"""The same gate in `mitmdump -s`."""

import asyncio
import contextlib
import os
import sys
from pathlib import Path

import pytest
from mitmproxy.test.tflow import tflow
from tests.parts import free_port
from tests.proxy.conftest import Upstream, Worker, read_reply
from tests.proxy.pictures import jpeg, sha256

from edgeward.blocklist.catalogue import Catalogue
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


async def mitmdump(tmp_path: Path, config: Path, *options: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        MITMDUMP, "-q", "-s", SCRIPT, "--set", f"confdir={tmp_path / 'mitm'}", *options,
        env={**os.environ, "EDGEWARD_CONFIG": str(config)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip


async def status(port: int, path: str) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: img.test\r\n\r\n".encode())
        return (await asyncio.wait_for(read_reply(reader), 40)).status
    finally:
        writer.close()


async def settled(port: int, path: str) -> int:
    """The first status that is no refusal for want of readiness."""
    async with asyncio.timeout(90):
        while True:
            try:
                if (found := await status(port, path)) != 503:
                    return found
            except OSError:
                pass
            await asyncio.sleep(0.1)


async def test_mitmdump_blocks(store: Store, redis_url: str, tmp_path: Path) -> None:
    """A listed image is a 451 through mitmdump with the script, another passes."""
    catalogue = Catalogue(store)
    await catalogue.create_list(HashList("staff"), "test", "")
    await catalogue.add_entries([Entry("staff", sha256(jpeg()))], "test")
    async with Upstream().running() as upstream:
        upstream.put("/a", jpeg(), "Content-Type: image/jpeg")
        upstream.put("/b", jpeg("coffee"), "Content-Type: image/jpeg")
        port = free_port()
        config = write_config(tmp_path, redis_url, store.namespace, upstream.address)
        mode = f"reverse:http://{upstream.address}@127.0.0.1:{port}"
        process = await mitmdump(tmp_path, config, "--mode", mode)
        try:
            assert await settled(port, "/b") == 200
            assert await status(port, "/a") == 451
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            out, _ = await process.communicate()
            print(out.decode())


async def test_who_came_before_the_gate_stays_refused(worker: Worker, caplog: pytest.LogCaptureFixture) -> None:
    """Also if it is up before the refusal is sent; that it never saw the request is no defect, which would be logged
    as an error, and end a mitmdump that starts."""
    addon, flow = EdgewardAddon(), tflow(resp=True)
    await addon.requestheaders(flow)
    addon._runtime = worker.runtime
    await addon.response(flow)
    assert flow.response.status_code == 503
    assert "the gate failed" not in caplog.text


@pytest.mark.parametrize("option", ["stream_large_bodies=1k", "body_size_limit=1m"])
async def test_options_that_pass_bodies_by_are_refused(redis_url: str, tmp_path: Path, option: str) -> None:
    """mitmproxy would stream or cut bodies before the gate sees them: it does not start so."""
    config = write_config(tmp_path, redis_url, "x", "127.0.0.1:9")
    mode = f"reverse:http://127.0.0.1:9@127.0.0.1:{free_port()}"
    process = await mitmdump(tmp_path, config, "--mode", mode, "--set", option)
    out, _ = await asyncio.wait_for(process.communicate(), 90)
    assert process.returncode == 1
    assert option.partition("=")[0] in out.decode()


async def test_bad_settings_stop_it(tmp_path: Path) -> None:
    """A mistake in the settings ends mitmdump with a message, not unfiltered."""
    config = tmp_path / "edgeward.toml"
    config.write_text("nope = 1\n")
    process = await mitmdump(tmp_path, config, "--mode", f"reverse:http://127.0.0.1:9@127.0.0.1:{free_port()}")
    out, _ = await asyncio.wait_for(process.communicate(), 90)
    assert process.returncode == 1
    assert "unknown key nope" in out.decode()
