"""Installs Debian packages of pictures, if run as root."""

import os
import shutil
import subprocess
from collections.abc import Sequence

from edgeward.errors import UserError


def install(packages: Sequence[str]) -> None:
    """Install those that are missing.

    Raises:
        UserError: they can't be installed.
    """
    missing = [package for package in packages if not version(package)]
    if not missing:
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise UserError(f"pictures are missing; on Debian: sudo apt-get install {' '.join(missing)}")
    print(f"installing Debian packages: {' '.join(missing)}", flush=True)
    order = ("apt-get", "install", "-qy", "--no-install-recommends", *missing)
    for command in (("apt-get", "update", "-q"), order):
        if subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode:
            raise UserError(f"{' '.join(command)} failed")


def version(package: str) -> str:
    """ "" where it is not installed."""
    if not shutil.which("dpkg-query"):
        return ""
    query = ("dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Version}", package)
    status, _, number = subprocess.run(query, capture_output=True, text=True, check=False).stdout.partition(" ")
    return number.strip() if status == "ii" else ""
