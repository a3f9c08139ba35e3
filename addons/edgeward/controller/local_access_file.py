"""`state_dir`/api.json: tells commands on the same machine where the API is, and gives them a token for it."""

import asyncio
import contextlib
import json
import os
import secrets
import socket
from pathlib import Path

from edgeward.errors import ConfigError

LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""The loopback address by which a socket on all addresses can be reached."""
LOOK_SECONDS = 1.0
"""Time between two looks whether the file is there."""


class LocalAccessFile:
    """The file. Its mode is 0600, since its token has the role admin."""

    def __init__(self, state_dir: Path, url: str, token: str) -> None:
        self.path = state_dir.absolute() / "api.json"
        self._text = json.dumps({"url": url, "token": token, "pid": os.getpid()})

    def write(self) -> None:
        """Write the file atomically: readers see the old one or the new one.

        Raises:
            ConfigError: state_dir can't be written.
        """
        # A new file, so that its mode is 0600 from the start, whatever mode an old one has.
        temporary = self.path.with_name(f".api.{secrets.token_hex(8)}")
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(self._text)
            temporary.replace(self.path)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise ConfigError(f"state_dir {self.path.parent}: {error.strerror}") from None

    async def keep(self) -> None:
        """Write the file again whenever it is missing: state_dir could not be written, somebody deleted it, or another
        controller of this state_dir has ended and removed its own. Runs until it is cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if not self.path.exists():
                with contextlib.suppress(ConfigError):
                    self.write()

    def remove(self) -> None:
        """Remove the file, unless another controller has written its own since."""
        with contextlib.suppress(OSError):
            if self.path.read_text() == self._text:
                self.path.unlink()


def url_of(listening: socket.socket) -> str:
    """The URL at which a client on this machine reaches the socket."""
    host, port = listening.getsockname()[:2]
    local = LOOPBACK.get(host, host)
    return f"http://[{local}]:{port}" if ":" in local else f"http://{local}:{port}"
