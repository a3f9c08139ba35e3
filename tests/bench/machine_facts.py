"""The machine and programs with which the figures were measured."""

import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path

import edgeward

LIBRARIES = ("mitmproxy", "pillow", "numpy", "pdqhash", "ImageHash", "redis")
PROGRAMS = {
    "varnishd": ("varnishd", "-V"),
    "nginx": ("nginx", "-v"),
    "squid": ("squid", "-v"),
    "redis-server": ("redis-server", "--version"),
    "wrk": ("wrk", "-v"),
}
"""The command that prints the version of each."""


def facts() -> list[tuple[str, str]]:
    """Names and values that matter for the figures. The load shows how busy the machine was at the start."""
    return [
        ("Processor", f"{_line('/proc/cpuinfo', 'model name')}, {len(os.sched_getaffinity(0))} cores"),
        ("Memory", f"{int(_line('/proc/meminfo', 'MemTotal').split()[0]) / 1e6:.0f} GB"),
        ("System", f"{platform.system()} {platform.release()}"),
        ("Load before", f"{os.getloadavg()[0]:.2f}"),
        ("Python", platform.python_version()),
        ("Edgeward", edgeward.__version__),
        *((name, version(name)) for name in LIBRARIES),
        *((name, _program(command)) for name, command in PROGRAMS.items()),
    ]


def _line(path: str, name: str) -> str:
    for line in Path(path).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return "unknown 0"


def _program(command: tuple[str, ...]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "not installed"
    found = re.search(r"\d+\.\d+(\.\d+)?", done.stdout + done.stderr)
    return found[0] if found else "unknown"
