"""The parts of mitmproxy that a worker puts together, imported without the rest.

The package `mitmproxy.addons` imports every addon, and with them flask, ldap3 and others: 0.2 seconds of a worker's
start, and 12 MB. Unless that has happened already, as in mitmdump, its modules are imported here one by one.
"""

import importlib.util
import sys

ADDONS = "mitmproxy.addons"

if ADDONS not in sys.modules and (_spec := importlib.util.find_spec(ADDONS)):
    # The package itself is not run. It stays so: whoever needs one of the other addons imports its module.
    sys.modules[ADDONS] = importlib.util.module_from_spec(_spec)

from mitmproxy.addons import proxyserver, tlsconfig  # noqa: E402
from mitmproxy.master import Master  # noqa: E402

__all__ = ["Master", "proxyserver", "tlsconfig"]
