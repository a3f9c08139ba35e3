"""URLs of stores: what they stand for, and which are refused."""

from pathlib import Path

import pytest

from edgeward.store.store_address import StoreKind, hide_password, parse_address


@pytest.mark.parametrize("url", ["redis://h:1/0", "rediss://u:p@h", "unix:///run/s?db=1"])
def test_one_server(url: str) -> None:
    """The URL of one server stays as it is."""
    assert (parse_address(url).kind, parse_address(url).url) == (StoreKind.SERVER, url)


def test_a_sentinel_set() -> None:
    """Its URL names sentinels and the service; the servers' password is not the sentinels'."""
    address = parse_address("redis+sentinel://u:p%40w@a:1,b/edge?db=2&sentinel_password=sp")
    assert (address.kind, address.service) == (StoreKind.SENTINEL, "edge")
    assert address.hosts == (("a", 1), ("b", 26379))
    assert address.options == {"username": "u", "password": "p@w", "db": 2}
    assert address.sentinel_options == {"password": "sp"}


def test_a_cluster() -> None:
    """Its URL names some of its nodes."""
    address = parse_address("redis+cluster://:pw@a:1,b")
    assert (address.kind, address.hosts) == (StoreKind.CLUSTER, (("a", 1), ("b", 6379)))
    assert address.options == {"password": "pw"}


def test_addresses_of_ipv6() -> None:
    """Hosts may be IPv6 addresses in brackets."""
    assert parse_address("redis+cluster://[::1]:7000,[fe80::2]:7001").hosts == (("::1", 7000), ("fe80::2", 7001))


def test_tls(tmp_path: Path) -> None:
    """With rediss+ servers and sentinels are both spoken to by TLS, by the same rules."""
    ca = tmp_path / "ca.pem"
    ca.touch()
    address = parse_address(f"rediss+sentinel://a/edge?ssl_ca_certs={ca}&ssl_check_hostname=no")
    tls = {"ssl": True, "ssl_ca_certs": str(ca), "ssl_check_hostname": False}
    assert (address.options, address.sentinel_options) == (tls, tls)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("redis+sentinel://a:1", "one service"),
        ("redis+sentinel://a:1/x/y", "one service"),
        ("redis+sentinel:///edge", "must name its hosts"),
        ("redis+sentinel://a:1,,b/edge", "must name its hosts"),
        ("redis+sentinel://a:1/edge?servce=x", "'servce'"),
        ("redis+sentinel://a:1/edge?db=one", "'db'"),
        ("redis+cluster://a:1/0", "neither databases nor services"),
        ("redis+cluster://a:1?db=1", "'db'"),
        ("redis+cluster://a:port", "port"),
        ("redis+tcp://a", "redis://"),
    ],
)
def test_impossible_urls(url: str, message: str) -> None:
    """What can't be meant is refused, and the message says what is wrong."""
    with pytest.raises(ValueError, match=message):
        parse_address(url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://h:1/0", "redis://h:1/0"),
        ("redis://user:pw@h:1/0", "redis://user:***@h:1/0"),
        ("redis://user:p:w@h:1/0", "redis://user:***@h:1/0"),
        ("rediss://:p@ss/w@h/0", "rediss://:***@h/0"),
        ("redis://:pa?ss@h/0", "redis://:***@h/0"),
        ("unix:///run/s?db=1&password=pw", "unix:///run/s?db=1&password=***"),
        ("unix:///run/s?password=pw&db=1", "unix:///run/s?password=***&db=1"),
        ("redis+cluster://u:pw@a:1,b:2", "redis+cluster://u:***@a:1,b:2"),
        ("redis+sentinel://a/s?sentinel_password=pw", "redis+sentinel://a/s?sentinel_password=***"),
    ],
)
def test_passwords_are_hidden(url: str, shown: str) -> None:
    """What is shown of a URL never holds its password."""
    assert hide_password(url) == shown


@pytest.mark.parametrize("url", ["rediss://a/0", "rediss+sentinel://a/edge", "rediss+cluster://a"])
def test_a_file_of_tls_that_is_not_there(url: str, tmp_path: Path) -> None:
    """It is named before anything connects."""
    for name in ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile"):
        with pytest.raises(ValueError, match=f"^has {name}={tmp_path}/missing.pem: no such file or directory$"):
            parse_address(f"{url}?{name}={tmp_path}/missing.pem")
