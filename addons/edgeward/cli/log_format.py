"""The log of `run`, `proxy` and `controller`: lines on standard error, as text or as JSON, with times in UTC."""

import json
import logging
import time

from edgeward.cli.log_rate import RateLimitedHandler


def configure_logging(as_json: bool) -> None:
    """Log to standard error: Edgeward's modules from INFO on, other libraries from WARNING on.

    However often something is logged, only some lines of it are written (log_rate.py). The INFO lines of other
    libraries would name URLs and clients, which no log of Edgeward may hold.
    """
    handler = RateLimitedHandler()
    handler.setFormatter(JsonFormatter() if as_json else TextFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("edgeward").setLevel(logging.INFO)


class TextFormatter(logging.Formatter):
    """One line: 2026-01-31T12:00:00.000Z LEVEL logger[pid]: message."""

    def __init__(self) -> None:
        line = "%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s[%(process)d]: %(message)s"
        super().__init__(line, "%Y-%m-%dT%H:%M:%S")
        self.converter = time.gmtime


class JsonFormatter(logging.Formatter):
    """One JSON object per line. `at`: Unix seconds."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": round(record.created, 3),
            "level": record.levelname,
            "logger": record.name,
            "pid": record.process,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)
