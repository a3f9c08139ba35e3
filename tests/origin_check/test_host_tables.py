"""The table from which a host's origin is known."""

from edgeward.origin_check.host_tables import UPSTREAM, describe_host, table_of, tables
from edgeward.settings.config import Config


def test_each_host_has_one_table() -> None:
    """Its own, that of all others, or the upstream of the proxy."""
    hosts = [{"name": "A.test", "origin": "http://a"}, {"name": "*", "origin": "http://rest"}]
    config = Config.model_validate({"hosts": hosts})
    assert [table_of(config, host) for host in ("a.test:80", "b.test")] == ["A.test", "*"]
    assert tables(config) == ["A.test", "*", UPSTREAM]
    assert table_of(Config(), "a.test") == UPSTREAM


def test_a_log_line_never_names_what_clients_made_up() -> None:
    """But the table, by which people find the host."""
    config = Config.model_validate({"hosts": [{"name": "*", "origin": "http://rest"}]})
    assert describe_host(config, "made-up.test") == '[[hosts]] name = "*"'
    assert describe_host(Config(), "made-up.test") == "proxy.upstream"
