"""mitmproxy's addons are imported one by one."""

import subprocess
import sys
from pathlib import Path

ADDONS = str(Path(__file__).parents[2] / "addons")


def printed(code: str) -> str:
    """What another Python prints."""
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": ADDONS}, capture_output=True, text=True)
    assert done.stderr == ""
    return done.stdout


def test_a_worker_loads_no_addon_that_it_does_not_use() -> None:
    """Neither the others nor their libraries, which would take long to import."""
    loaded = set(printed("import sys, edgeward.proxy.server; print(*sys.modules)").split())
    own = {f"mitmproxy.addons.{name}" for name in ("proxyserver", "tlsconfig", "termlog")}
    assert {name for name in loaded if name.startswith("mitmproxy.addons")} == own
    assert not loaded & {"flask", "tornado", "ldap3", "argon2", "mitmproxy.contentviews"}


def test_who_imports_the_package_gets_all_of_it() -> None:
    """Before a worker's modules, as mitmdump does, or after them: each class is there once."""
    ours, theirs = "from edgeward.proxy.mitmproxy_addons import Proxyserver", "from mitmproxy import addons"
    found = "print(len(addons.default_addons()) > 20, addons.proxyserver.Proxyserver is Proxyserver)"
    for lines in ((ours, theirs, found), (theirs, ours, found)):
        assert printed("\n".join(lines)) == "True True\n"
