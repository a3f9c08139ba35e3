"""A client of the admin API that asks whichever controller is up."""

import http.client
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.chaos.components import local_access

from edgeward.demo.http_client import HttpResponse, ask
from edgeward.errors import EdgewardError

TIMEOUT_SECONDS = 20.0
LOST_TOKEN = 401


class Unreachable(EdgewardError):
    """No controller accepted the connection: nothing has changed."""


class NoAnswer(EdgewardError):
    """The request was sent, but no answer came, or a status 5xx: it may or may not have been carried out."""


class Refused(EdgewardError):
    """The controller answered with a status 4xx."""


class AdminClient:
    """`state_dirs`: where controllers write their address and a local token."""

    def __init__(self, state_dirs: Sequence[Path], choices: random.Random) -> None:
        self._state_dirs, self._choices = state_dirs, choices

    def call(self, method: str, path: str, data: object = None, body: bytes | None = None, kind: str = "") -> Any:
        """The answer's JSON. `data` goes as JSON, `body` as the type `kind`."""
        if data is not None:
            body, kind = json.dumps(data).encode(), "application/json"
        for state in self._choices.sample(self._state_dirs, len(self._state_dirs)):
            answer = self._ask(state, method, path, body, kind)
            if answer is not None and answer.status != LOST_TOKEN:
                return self._read(answer)
        raise Unreachable(f"{method} {path}")

    @staticmethod
    def address(state: Path) -> str:
        """HOST:PORT of the controller with that state_dir."""
        return local_access(state)[0]

    @staticmethod
    def _ask(state: Path, method: str, path: str, body: bytes | None, kind: str) -> HttpResponse | None:
        try:
            address, token = local_access(state)
            headers = {"Authorization": f"Bearer {token}", **({"Content-Type": kind} if kind else {})}
            return ask(address, f"/api/v1{path}", method, headers, body, TIMEOUT_SECONDS)
        except (ConnectionRefusedError, FileNotFoundError):
            return None
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise NoAnswer(type(error).__name__) from None

    @staticmethod
    def _read(answer: HttpResponse) -> Any:
        if answer.status >= 500:
            raise NoAnswer(f"{answer.status} {answer.json()['title']}")
        if answer.status >= 400:
            raise Refused(f"{answer.status} {answer.body.decode(errors='replace')}")
        return answer.json()
