"""Settings of the store that no process could connect with."""

from pathlib import Path

import pytest

from edgeward.errors import ConfigError
from edgeward.settings.config import Config
from edgeward.store.configuration import check_store
from edgeward.store.store_address import StoreKind


@pytest.mark.parametrize(
    "url",
    [
        "redis:/x", "redis:x", "redis://", "redis:///0", "redis://h:99999", "redis://h:x", "redis://h/abc", "redis://h/0/1",
        "redis://h?nonsense=1", "rediss://h?ssl=yes", "unix:x", "unix://", "unix://x", "redis+sentinel://a:1,b:2",
        "redis+sentinel:///s", "redis+sentinel://a/s/t", "redis+cluster://", "redis+cluster://a:1/0",
        "redis+cluster://a?nonsense=1",
    ],
)  # fmt: skip
def test_an_impossible_url_is_refused(url: str) -> None:
    """Also those of which redis-py ignores a part: it would connect to another server, or another database."""
    with pytest.raises(ConfigError, match=r"^store\.url "):
        check_store(Config.model_validate({"store": {"url": url}}))


@pytest.mark.parametrize("url", ["redis://u:hush@h:99999", "redis+sentinel://u:hush@a:1?sentinel_password=hush"])
def test_the_message_holds_no_password(url: str) -> None:
    """It names the URL without it."""
    with pytest.raises(ConfigError) as caught:
        check_store(Config.model_validate({"store": {"url": url}}))
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("redis://h", StoreKind.SERVER),
        ("redis://[::1]:6380/2", StoreKind.SERVER),
        ("rediss://u:p@h:6380/0?ssl_cert_reqs=none&socket_keepalive=yes", StoreKind.SERVER),
        ("unix:///run/s.sock?db=1&password=p", StoreKind.SERVER),
        ("unix://u:p@/run/s.sock", StoreKind.SERVER),
        ("redis+sentinel://a:1,b/edge?db=2", StoreKind.SENTINEL),
        ("rediss+cluster://u:p@a:1,b:2", StoreKind.CLUSTER),
    ],
)
def test_possible_urls(url: str, kind: StoreKind) -> None:
    """Every kind of store."""
    assert check_store(Config.model_validate({"store": {"url": url}})).kind is kind


def test_the_socket_of_the_embedded_store_must_fit(tmp_path: Path) -> None:
    """A Unix socket's path is limited."""
    assert check_store(Config(state_dir=tmp_path)).kind is StoreKind.SERVER
    with pytest.raises(ConfigError, match="too long for a Unix socket"):
        check_store(Config(state_dir=tmp_path / ("x" * 100)))
