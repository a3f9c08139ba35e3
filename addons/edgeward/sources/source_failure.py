"""Why a pull of a source failed."""

from edgeward.errors import EdgewardError


class SourceFailed(EdgewardError):
    """A source can't be pulled now, or what it gives can't be used. The text is for people, and holds no secret.

    `retry_after`: seconds after which the server wants to be asked again; None if it does not say. `status`: that it
    answered; 0 without an answer.
    """

    def __init__(self, message: str, retry_after: float | None = None, status: int = 0) -> None:
        super().__init__(message)
        self.retry_after, self.status = retry_after, status
