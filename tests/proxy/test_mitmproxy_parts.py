"""What a worker imports of mitmproxy."""

import subprocess
import sys

import pytest

UNUSED = {"flask", "ldap3", "jinja2", "mitmproxy.flowfilter", "mitmproxy.addons.proxyauth"}
SHOW = f"import sys; print(*sorted({UNUSED!r} & sys.modules.keys()))"


def imported(statements: str) -> set[str]:
    """Which of UNUSED these statements import, in a new process."""
    done = subprocess.run([sys.executable, "-c", f"{statements}; {SHOW}"], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ("import edgeward.proxy.server", set()),
        # mitmdump has imported all addons before it runs the script.
        ("import mitmproxy.addons, edgeward.proxy.server; mitmproxy.addons.default_addons", UNUSED),
        # A module that is not there yet can be imported later, and its class is the one that it names.
        ("import edgeward.proxy.server; from mitmproxy.addons.onboarding import Onboarding", {"flask", "jinja2"}),
    ],
    ids=["worker", "mitmdump", "one more addon"],
)
def test_a_worker_imports_no_addon_that_it_does_not_use(statements: str, expected: set[str]) -> None:
    """That saves a fifth of its start. Where they are imported already, all are there; each can be imported alone."""
    assert imported(statements) == expected
