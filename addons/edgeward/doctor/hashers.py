"""Checks how well the processes that decode images are isolated on this machine."""

from edgeward.doctor.finding import Finding, ok, skipped, warn
from edgeward.isolation.protocol import LANDLOCK, LAYERS, NO_NEW_PRIVS, SECCOMP

_FIXES = {
    NO_NEW_PRIVS: "needs Linux 3.5 or later",
    LANDLOCK: "needs Linux 5.13 or later, with landlock among its security modules (lsm=landlock,...)",
    SECCOMP: "install libseccomp 2 (Debian: libseccomp2), and allow seccomp() in the container or unit",
}


def check_hashers(layers: frozenset[str] | None) -> list[Finding]:
    """`layers`: those of LAYERS that isolate every hasher of the controller; None if no hasher runs."""
    if layers is None:
        return [skipped("hashers", "isolation", "no hasher runs")]
    missing = [layer for layer in LAYERS if layer not in layers]
    if not missing:
        return [ok("hashers", "isolation", f"hashers are isolated by resource limits, {', '.join(LAYERS)}")]
    detail = f"hashers run without {' and '.join(missing)}: an image that takes a hasher over could do more harm"
    return [warn("hashers", "isolation", detail, "; ".join(f"{layer}: {_FIXES[layer]}" for layer in missing))]
