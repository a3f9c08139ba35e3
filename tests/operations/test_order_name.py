"""The name of what an order removes."""

from edgeward.operations.order_name import NAME_CHARACTERS, name_of
from edgeward.types import NO_TARGET, Cause, PurgeOrder, Scope, Target


def test_a_name_is_short_and_printable() -> None:
    """A client has chosen the URL: it may be long, and hold control characters."""
    order = PurgeOrder(Target("http", "img.test", "/a\x1b[2J.jpg"), Cause.MANUAL, 0.0)
    assert name_of(order) == "http://img.test/a\N{REPLACEMENT CHARACTER}[2J.jpg"
    long = PurgeOrder(Target("http", "img.test", "/" + "a" * 5000), Cause.MANUAL, 0.0, scope=Scope.PREFIX)
    assert name_of(long) == f"http://img.test/{'a' * 5000}"[:NAME_CHARACTERS] + "..."
    assert name_of(PurgeOrder(NO_TARGET, Cause.LISTING, 0.0, scope=Scope.PREFIX)) == "every host"
