"""How a process ended, in words."""

import signal


def describe_exit(status: int) -> str:
    """ "ended with status 1", or "was killed by signal 9 (SIGKILL)" for -9, as `subprocess` reports a signal."""
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was killed by signal {-status} ({signal.Signals(-status).name})"
    except ValueError:  # a real-time signal: it has no name
        return f"was killed by signal {-status}"
