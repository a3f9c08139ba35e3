"""Checks the processes of `edgeward run` on this machine: whether they run, and how often they were restarted."""

from edgeward.doctor.finding import Finding, fail, ok, warn
from edgeward.process_states import process_states

FIX = "see the log of `edgeward run`, which says how they ended; the kernel log says if memory ran out"


def check_processes() -> list[Finding]:
    """None without a supervisor: then nothing is known of other processes."""
    states = process_states()
    if not states:
        return []
    down = [state.problem for state in states if state.down]
    restarted = [state.problem for state in states if state.problem and not state.down]
    if down:
        return [fail("controller", "processes", "; ".join(down + restarted), FIX)]
    if restarted:
        return [warn("controller", "processes", "; ".join(restarted), FIX)]
    return [ok("controller", "processes", "`edgeward run` and its processes run")]
