"""Print only those lines of a constraints file that an installed package needs at run time.

    python runtime.py constraints.txt edgeward > runtime.txt

constraints.txt also pins the developers' tools, which the image does not need. The needed packages are read from the
metadata of the installed distributions, without extras that are not required.
"""

import sys
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name


def closure(package: str) -> set[NormalizedName]:
    """Names of all distributions that `package` needs on this platform, directly or indirectly.

    Raises:
        PackageNotFoundError: a needed distribution is not installed; the message names it.
    """
    found: set[NormalizedName] = set()
    waiting: list[tuple[str, frozenset[str]]] = [(package, frozenset())]
    seen = set(waiting)
    while waiting:
        name, extras = waiting.pop()
        for requirement in map(Requirement, requires(name) or ()):
            if not _applies(requirement, extras):
                continue
            needed = (canonicalize_name(requirement.name), frozenset(requirement.extras))
            found.add(needed[0])
            if needed not in seen:
                seen.add(needed)
                waiting.append(needed)
    return found


def _applies(requirement: Requirement, extras: frozenset[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in extras | {""})


def runtime(constraints: str, package: str) -> list[str]:
    """The lines of `constraints` that `package` needs.

    Raises:
        SystemExit: a needed distribution is not pinned; the message names it.
    """
    lines = [line.strip() for line in constraints.splitlines() if line.strip() and not line.startswith("#")]
    pinned = {canonicalize_name(Requirement(line).name): line for line in lines}
    needed = closure(package)
    if missing := sorted(needed - pinned.keys()):
        sys.exit(f"not pinned: {', '.join(missing)}")
    return [pinned[name] for name in sorted(needed)]


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in runtime(Path(sys.argv[1]).read_text(), sys.argv[2]))
