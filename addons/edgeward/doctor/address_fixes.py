"""What to do about an address at which no usable answer comes, by the step that fails."""

from collections.abc import Mapping

from edgeward.doctor.reachability import Reached, Step
from edgeward.settings.secret_types import hide_secrets

FIXES: Mapping[Step, str] = {
    Step.NAME: "correct the host name in {key}, or the DNS of this machine",
    Step.REFUSED: "nothing listens on that port: start it, or correct the port in {key}",
    Step.UNREACHABLE: "check that its machine runs, and that routes and firewalls let this machine reach that port; or "
    "correct {key}",
    Step.CERTIFICATE: "give in {key} the name that its certificate is for, or let this machine trust the certificate",
    Step.NO_TLS: "write http:// in {key}, or give the port where it speaks TLS",
    Step.ONLY_TLS: "write https:// in {key}, or give the port where it speaks plain HTTP",
    Step.TLS: "see its log: it may want another version of TLS, or a client certificate; or correct the port in {key}",
    Step.SILENT: "see whether it hangs; if something else listens on that port, correct the port in {key}",
    Step.BEHIND: "{key} is right: see whether the origin behind it hangs or is overloaded, and restart that",
    Step.NO_HTTP: "something else than an HTTP server listens on that port: correct the port in {key}",
    Step.REQUEST: "correct {key}",
}
"""`{key}`: the setting."""


def fix_of(reached: Reached, key: str, address: str) -> str:
    """What to do, with the address that was tried; "" if the request was answered."""
    if reached.step is None:
        return ""
    return f"{FIXES[reached.step].format(key=key)} (tried: {hide_secrets(address)})"
