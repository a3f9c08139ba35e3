"""Finds the programs that tests run, and skips or fails tests if one is missing."""

import gzip
import os
import shutil
from functools import partial
from pathlib import Path

import pytest

from edgeward.demo.caches.base import free_port

__all__ = ["free_port", "gzipped", "require"]

gzipped = partial(gzip.compress, mtime=0)
"""gzip without a timestamp: the same body always gives the same bytes."""


def require(program: str) -> Path:
    """The path of a program. If it is missing, the test is skipped with a message; under CI=true it fails."""
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin:/usr/local/sbin")
    if found:
        return Path(found)
    message = f"{program} is not installed: run `make setup`"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)
