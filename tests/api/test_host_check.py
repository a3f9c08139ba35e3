"""Which hosts a request may name."""

import http.client
from urllib.parse import urlsplit

import pytest
from tests.support.controllers import Api

from edgeward.api.host_check import is_known_host
from edgeward.api.routes import ROUTES, Route
from edgeward.settings.config import AdminSettings

OTHERS = (
    "evil.example",
    "evil.example:8081",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "127.0.0.1@evil.example",
)
"""Names that a web page can own."""


@pytest.mark.parametrize("host", OTHERS)
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_no_route_answers_for_another_host(api: Api, route: Route, host: str) -> None:
    """Not even those without a token, nor with a token, which a page could have been given."""
    answer = api.ask(route.method, route.path.removeprefix("/api/v1"), headers={"Host": host})
    assert (answer.status, answer.json["type"]) == (421, "urn:edgeward:problem:misdirected")
    assert "admin.hosts" in answer.json["detail"]


def test_an_unknown_path_of_another_host_is_no_different(api: Api) -> None:
    """A page must not learn which paths exist."""
    assert api.ask("GET", "/nowhere", headers={"Host": OTHERS[0]}).status == 421


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "10.1.2.3:8081", "[::1]:8081", "localhost", "LocalHost:9", "a.localhost"]
)
def test_addresses_and_loopback_names_are_answered(api: Api, host: str) -> None:
    """Prometheus scrapes by address."""
    for path in ("/metrics", "/healthz", "/readyz", "/lists"):
        assert api.ask("GET", path, headers={"Host": host}).status == 200


def test_a_request_without_a_host_is_answered(api: Api) -> None:
    """HTTP/1.0 health checks of load balancers: no browser sends them."""
    parts = urlsplit(api.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    connection._http_vsn, connection._http_vsn_str = 10, "HTTP/1.0"
    connection.putrequest("GET", "/healthz", skip_host=True)
    connection.endheaders()
    assert connection.getresponse().status == 200
    connection.close()


@pytest.mark.parametrize(
    ("host", "listen", "hosts", "known"),
    [
        ("edge1.example:8081", "edge1.example:8081", (), True),
        ("EDGE1.example.", "edge1.example:8081", (), True),
        ("edge2.example", "edge1.example:8081", (), False),
        ("admin.example", "127.0.0.1:1", ("admin.example",), True),
        ("Admin.Example:443", "127.0.0.1:1", ("ADMIN.example",), True),
        ("x.admin.example", "127.0.0.1:1", ("admin.example",), False),
        ("pod-1.edge-nodes", "127.0.0.1:1", ("*.edge-nodes",), True),
        ("a.b.edge-nodes", "127.0.0.1:1", ("*.edge-nodes",), True),
        ("edge-nodes", "127.0.0.1:1", ("*.edge-nodes",), False),
        ("evil-edge-nodes", "127.0.0.1:1", ("*.edge-nodes",), False),
        ("any.example", "127.0.0.1:1", ("*",), True),
        ("", "127.0.0.1:1", ("*",), False),
        ("[::1]", "127.0.0.1:1", (), True),
        ("[evil.example]", "127.0.0.1:1", (), False),
        ("2130706433", "127.0.0.1:1", (), False),
        ("127.1", "127.0.0.1:1", (), False),
    ],
)
def test_known_hosts(host: str, listen: str, hosts: tuple[str, ...], known: bool) -> None:
    """The listener's own name and those of the setting, without regard to port, case and a dot at the end."""
    assert is_known_host(host, AdminSettings(listen=listen, hosts=hosts)) is known
