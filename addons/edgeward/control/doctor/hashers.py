"""Looks at how well the processes that decode pictures are isolated on this machine."""

from edgeward.control.doctor.finding import Finding, ok, skipped, warn
from edgeward.isolation.frames import LANDLOCK, LAYERS, NO_NEW_PRIVS, SECCOMP

_MENDS = {
    NO_NEW_PRIVS: "a kernel from 3.5 on has it",
    LANDLOCK: "a kernel from 5.13 on has it, if it is in its list of security modules (lsm=landlock,...)",
    SECCOMP: "install libseccomp 2 (Debian: libseccomp2), and let the container or unit allow seccomp()",
}


def examine(layers: frozenset[str] | None) -> list[Finding]:
    """`layers` are those that hold for the hashers of the controller; None where none has started."""
    if layers is None:
        return [skipped("hashers", "isolation", "no hasher runs")]
    missing = [layer for layer in LAYERS if layer not in layers]
    if not missing:
        return [ok("hashers", "isolation", f"they are held by limits, {', '.join(LAYERS)}")]
    said = f"they run without {' and '.join(missing)}: a picture that takes one over could do more"
    return [warn("hashers", "isolation", said, "; ".join(f"{layer}: {_MENDS[layer]}" for layer in missing))]
