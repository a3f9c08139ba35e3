"""`edgeward run`: starts the store, the proxy workers and the controller, and restarts those that end.

supervisor          the order of start and end
child_process       one process: its start, whether it is ready, its end
restarts            keeps one child process running, and closes its port while it can't
state_files         what the supervisor writes to state_dir: run.json, the directory of metrics
store_start         waits for the store, says why it does not start, and how far it has loaded its data
"""

from edgeward.supervisor.supervisor import run

__all__ = ["run"]
