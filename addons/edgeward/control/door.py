"""`state_dir`/api.json: tells commands on the same machine where the API is, with a token that opens it."""

import contextlib
import json
import os
import secrets
import socket
from pathlib import Path

from edgeward.errors import ConfigError

ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""How a client on this machine calls "every address"."""


class Door:
    """The file: mode 0600, so that who may read it may use the API."""

    def __init__(self, state_dir: Path, url: str, token: str) -> None:
        self.path = state_dir.absolute() / "api.json"
        self._text = json.dumps({"url": url, "token": token, "pid": os.getpid()})

    def open(self) -> None:
        """Write the file; readers see the old one or the new one, whole.

        Raises:
            ConfigError: state_dir can't be written.
        """
        draft = self.path.with_name(f".api.{secrets.token_hex(8)}")
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(self._text)
            draft.replace(self.path)
        except OSError as error:
            raise ConfigError(f"state_dir {self.path.parent}: {error.strerror}") from None

    def close(self) -> None:
        """Remove the file, unless another controller has written its own by now."""
        with contextlib.suppress(OSError):
            if self.path.read_text() == self._text:
                self.path.unlink()


def url_of(listening: socket.socket) -> str:
    """Where a client on this machine reaches the socket."""
    host, port = listening.getsockname()[:2]
    local = ANY.get(host, host)
    return f"http://[{local}]:{port}" if ":" in local else f"http://{local}:{port}"
