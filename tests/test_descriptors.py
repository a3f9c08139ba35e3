"""File descriptors of a process."""

import resource
import subprocess
import sys
from pathlib import Path

from edgeward import descriptors

ADDONS = str(Path(descriptors.__file__).parents[1])
CODE = """
import resource, sys
from edgeward.descriptors import connections_allowed, raise_descriptor_limit
resource.setrlimit(resource.RLIMIT_NOFILE, (64, int(sys.argv[1])))
print(raise_descriptor_limit(), connections_allowed(4096, 2), connections_allowed(10, 2))
"""


def test_the_soft_limit_is_raised_to_the_hard_one() -> None:
    """And connections are as many as it leaves room for, but not more than wanted."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    for limit, expected in ((1024, "1024 412 10"), (128, "128 1 1")):
        assert hard == resource.RLIM_INFINITY or hard >= limit
        done = subprocess.run(
            [sys.executable, "-c", CODE, str(limit)], env={"PYTHONPATH": ADDONS}, capture_output=True, text=True
        )
        assert done.stdout.strip() == expected, done.stderr
