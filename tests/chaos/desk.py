"""The admin API of whichever controller is up, as people's tools ask it."""

import http.client
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.chaos.process import door_of

from edgeward.demo.answer import Answer, ask
from edgeward.errors import EdgewardError

TIMEOUT_SECONDS = 20.0
LOST_TOKEN = 401


class NobodyThere(EdgewardError):
    """No controller took the request: nothing has happened."""


class NoAnswer(EdgewardError):
    """The request was sent, and the answer did not come or says that nothing is promised: it may have happened."""


class Refused(EdgewardError):
    """The controller says that the request is wrong."""


class Desk:
    """`states`: the directories in which controllers leave their address and a token."""

    def __init__(self, states: Sequence[Path], choices: random.Random) -> None:
        self._states, self._choices = states, choices

    def call(self, method: str, path: str, data: object = None, body: bytes | None = None, kind: str = "") -> Any:
        """The answer's JSON. `data` goes as JSON, `body` as the type `kind`."""
        if data is not None:
            body, kind = json.dumps(data).encode(), "application/json"
        for state in self._choices.sample(self._states, len(self._states)):
            answer = self._ask(state, method, path, body, kind)
            if answer is not None and answer.status != LOST_TOKEN:
                return self._read(answer)
        raise NobodyThere(f"{method} {path}")

    @staticmethod
    def address(state: Path) -> str:
        """HOST:PORT of the controller that works in that directory."""
        return door_of(state)[0]

    @staticmethod
    def _ask(state: Path, method: str, path: str, body: bytes | None, kind: str) -> Answer | None:
        try:
            address, token = door_of(state)
            headers = {"Authorization": f"Bearer {token}", **({"Content-Type": kind} if kind else {})}
            return ask(address, f"/api/v1{path}", method, headers, body, TIMEOUT_SECONDS)
        except (ConnectionRefusedError, FileNotFoundError):
            return None
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise NoAnswer(type(error).__name__) from None

    @staticmethod
    def _read(answer: Answer) -> Any:
        if answer.status >= 500:
            raise NoAnswer(f"{answer.status} {answer.json()['title']}")
        if answer.status >= 400:
            raise Refused(f"{answer.status} {answer.body.decode(errors='replace')}")
        return answer.json()
