"""Purge orders for the tests of drivers."""

from edgeward.types import NO_TARGET, Cause, PurgeOrder, Scope, Target


def order_for(target: Target) -> PurgeOrder:
    return PurgeOrder(target, Cause.MANUAL, 0.0)


def http_order(path: str, *vary: tuple[str, str]) -> PurgeOrder:
    return order_for(Target("http", "img.test", path, vary))


def https_order(path: str = "/p", host: str = "img.test", scheme: str = "https", **vary: str) -> PurgeOrder:
    """`_` in the names of headers stands for `-`."""
    headers = tuple((name.replace("_", "-"), value) for name, value in vary.items())
    return order_for(Target(scheme, host, path, headers))


def prefix_order(path: str, host: str = "img.test") -> PurgeOrder:
    return PurgeOrder(Target("https", host, path), Cause.TAKEDOWN, 0.0, scope=Scope.PREFIX)


def tag_order(tag: str) -> PurgeOrder:
    return PurgeOrder(NO_TARGET, Cause.LISTING, 0.0, scope=Scope.TAG, tag=tag)
