"""One job as the API shows it, asked for while controllers may be started again: the job goes on meanwhile."""

import time
from collections.abc import Mapping
from typing import Any

from edgeward.cli.client import Client
from edgeward.cli.output import print_note
from edgeward.errors import ApiUnavailable

RETRY_SECONDS = 0.5


class JobRecord:
    """The job `job_id`. `seconds`: the longest time without an answer."""

    def __init__(self, client: Client, job_id: str, seconds: float) -> None:
        self._client, self._id, self._seconds = client, job_id, seconds
        self._noted = False

    def get(self, query: Mapping[str, str | float] | None = None, wait: float = 0) -> dict[str, Any]:
        """The job now. `wait`: seconds for which the request asks the API to wait.

        Raises:
            ApiUnavailable: there was no answer for that time. The message names the job.
        """
        deadline = time.monotonic() + self._seconds
        while True:
            try:
                found: dict[str, Any] = self._client.send("GET", ("jobs", self._id), query, wait=wait)
            except ApiUnavailable as error:
                if time.monotonic() > deadline:
                    raise ApiUnavailable(f"{error}; {self._id} is recorded: see `edgeward jobs {self._id}`") from None
                if not self._noted:
                    print_note(f"{error}; {self._id} is recorded, and goes on: waiting for an answer")
                    self._noted = True
                time.sleep(RETRY_SECONDS)
            else:
                return found
