"""Settings that are possible each by itself, and impossible together."""

from pathlib import Path

import pytest
from tests.settings.config_file import write_config

from edgeward.errors import ConfigError
from edgeward.settings.loading import load

VARNISH = "[[caches]]\nname = 'v'\ndriver = 'varnish'\nurl = 'http://127.0.0.1:6081'\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[proxy]\nlisten = '127.0.0.1:9000'\n[admin]\nlisten = '127.0.0.1:9000'", "admin.listen = '127.0.0.1:9000'"),
        ("[proxy]\nlisten = '0.0.0.0:9000'\n[admin]\nlisten = '127.0.0.1:9000'", "is the address of proxy.listen"),
        ("[proxy]\nlisten = '[::1]:9000'\n[admin]\nlisten = '[::]:9000'", "is the address of proxy.listen"),
        ("[proxy]\nlisten = '127.0.0.1:80'\nupstream = 'http://127.0.0.1'", "proxy.upstream is proxy.listen"),
        ("[proxy]\nlisten = '0.0.0.0:9000'\nupstream = 'http://localhost:9000'", "proxy.upstream is proxy.listen"),
        ("[proxy]\nlisten = '[::]:9000'\nupstream = 'http://[::1]:9000'", "proxy.upstream is proxy.listen"),
        ("[proxy]\nlisten = 'edge.test:9000'\nupstream = 'http://Edge.test:9000'", "proxy.upstream is proxy.listen"),
        ("[proxy]\nupstream = 'http://127.0.0.1:8081'", "proxy.upstream is admin.listen"),
        (VARNISH.replace("6081", "8080"), '[[caches]] ("v"): url is proxy.listen'),
        ("[[hosts]]\nname = '*'\norigin = 'http://127.0.0.1:8080'", '[[hosts]] ("*"): origin is proxy.listen'),
        ("[store]\nreplicas = 1", 'store.replicas = 1 needs another store.url than "embedded"'),
        (VARNISH + "tags = true", '[[caches]] ("v"): tags = true needs proxy.placement = "fill"'),
    ],
)
def test_contradictions_are_named(tmp_path: Path, text: str, message: str) -> None:
    """With the file and the keys, before any port is bound."""
    path = write_config(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[proxy]\nlisten = '127.0.0.1:0'\n[admin]\nlisten = '127.0.0.1:0'",
        "[proxy]\nlisten = '127.0.0.1:9000'\n[admin]\nlisten = '127.0.0.2:9000'",
        "[proxy]\nlisten = '0.0.0.0:80'\nupstream = 'http://10.0.0.5'",
        "[proxy]\nlisten = '0.0.0.0:8080'\nupstream = 'http://cache:8080'",
        "[proxy]\nlisten = '127.0.0.1:443'\nupstream = 'http://127.0.0.1:80'",
        VARNISH,
        "[store]\nreplicas = 0",
        "[store]\nurl = 'redis://127.0.0.1'\nreplicas = 1",
        "[proxy]\nplacement = 'fill'\n" + VARNISH + "tags = true",
    ],
)
def test_other_settings_are_possible(tmp_path: Path, text: str) -> None:
    """Port 0 picks different ports, and another machine may have the same port."""
    load(write_config(tmp_path, text), {})
