"""The hooks of a request go straight to the gate."""

import pytest
from mitmproxy import addonmanager, http
from tests.proxy.conftest import Worker

from edgeward.proxy import stream
from edgeward.proxy.client_connection import SharedMode


async def test_hooks_of_a_request_skip_the_addons(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """The response is judged, and no hook of the request goes through the addon manager."""
    seen: list[str] = []
    original = addonmanager.AddonManager.handle_lifecycle

    async def watched(self: addonmanager.AddonManager, event: object) -> None:
        seen.append(type(event).__name__)
        await original(self, event)

    monkeypatch.setattr(addonmanager.AddonManager, "handle_lifecycle", watched)
    worker.upstream.put("/a", b"hello", "Content-Type: text/plain")
    assert (await worker.get("/a")).body == b"hello"
    assert "ClientConnectedHook" in seen
    assert not [name for name in seen if name.startswith(("HttpRequest", "HttpResponse"))]


def test_the_mode_is_registered() -> None:
    """`shared:` is a mode of its own, and still a reverse proxy to mitmproxy."""
    mode = SharedMode.parse(f"{SharedMode.type_name}:http://127.0.0.1:1@127.0.0.1:0")
    assert isinstance(mode, SharedMode)
    assert mode.address == ("127.0.0.1", 1)


def test_what_is_replaced_in_mitmproxy_is_there() -> None:
    """A mitmproxy without it fails at start."""
    stream.install()
    assert http.Request.make("GET", "http://a/").method == "GET"
    with pytest.raises(RuntimeError, match="nothing_like_it is gone"):
        stream._replace(http, "nothing_like_it", lambda: b"")
