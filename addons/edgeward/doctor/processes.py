"""Checks the processes of `edgeward run` on this machine: whether they run, and how often they were restarted. And what
to do about one that runs and does not answer."""

from edgeward.doctor.finding import Finding, fail, ok, warn
from edgeward.process_states import process_states

FIX = "see the log of `edgeward run`, which says how they ended; the kernel log says if memory ran out"
RESTART = (
    "restart Edgeward there (systemctl restart edgeward). Is one process frozen (state T in `ps -o stat= -p PID`): "
    "kill -CONT PID, or kill -KILL PID, and `edgeward run` starts another"
)


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
