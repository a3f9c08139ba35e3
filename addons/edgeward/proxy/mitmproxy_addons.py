"""The two addons of mitmproxy that a worker uses, and its Master, without the thirty other addons.

The package `mitmproxy.addons` imports them all, with Flask, ldap3, argon2 and more: that takes as long as a quarter of
all else that a worker imports.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec, module_from_spec

_PACKAGE = "mitmproxy.addons"


@contextmanager
def _package_not_run() -> Iterator[None]:
    """Meanwhile modules of the package are imported without its own code. Later, who imports it gets all of it."""
    spec = find_spec(_PACKAGE)
    if _PACKAGE in sys.modules or spec is None:
        yield
        return
    sys.modules[_PACKAGE] = module_from_spec(spec)
    try:
        yield
    finally:
        del sys.modules[_PACKAGE]


with _package_not_run():
    from mitmproxy.addons.proxyserver import Proxyserver
    from mitmproxy.addons.tlsconfig import TlsConfig
    from mitmproxy.master import Master

__all__ = ["Master", "Proxyserver", "TlsConfig"]
