"""`run`, `proxy`, `controller`: the processes that do the work; `demo`: all of them on real photographs."""

import argparse
import asyncio
import json
import logging
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

from edgeward.cli.options import Subparsers, add_command, checked_config, config_path
from edgeward.errors import ConfigError, Exit, UserError

if TYPE_CHECKING:
    from edgeward.config import Config

METRICS_DIR = "PROMETHEUS_MULTIPROC_DIR"
LOG_AS_JSON = "EDGEWARD_INTERNAL_LOG_AS_JSON"
"""Set for the children of `run --json`, which get no arguments of their own."""


def add_parser(subparsers: Subparsers) -> None:
    add_command(
        subparsers,
        "run",
        "start everything on this machine: proxy workers, controller, embedded store",
        _run,
        "Start and watch everything on this machine: the proxy workers, the controller and, with "
        'store.url = "embedded", the store. SIGTERM or Ctrl-C ends it after the responses under way.',
    )
    add_command(
        subparsers,
        "proxy",
        "start one proxy worker only",
        _proxy,
        "Start one proxy worker. Needs a store that is up; use it where each role runs on machines of its own.",
    )
    add_command(
        subparsers,
        "controller",
        "start the controller only (admin API, purging, matching backwards)",
        _controller,
        "Start the controller: admin API, metrics, purging, matching backwards. Needs a store that is up. "
        "Several may run: they share the work.",
    )
    demo = add_command(
        subparsers,
        "demo",
        "see it work: real photographs, a real Varnish, every claim checked",
        _demo,
        "Start an origin, a Varnish and Edgeward on free ports of this machine, list photographs, and check "
        "with measured times that they are blocked and purged. Exit status 0 only if every check held.",
    )
    demo.add_argument("--images", type=Path, metavar="DIR", help="use the photographs in DIR, not the built-in ones")
    demo.add_argument("--keep", action="store_true", help="leave it running afterwards and print the addresses")


def _run(args: argparse.Namespace) -> int:
    if args.json:
        os.environ[LOG_AS_JSON] = "1"
    config = _prepare(args)
    from edgeward.supervisor import run

    return run(config, config_path(args))


def _proxy(args: argparse.Namespace) -> int:
    config = _prepare(args)
    from edgeward.proxy.server import run

    return run(config)


def _controller(args: argparse.Namespace) -> int:
    asyncio.run(_control(_prepare(args)))
    return Exit.DONE


async def _control(config: "Config") -> None:
    from edgeward.control.server import serve

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    await serve(config, stop)


def _demo(args: argparse.Namespace) -> int:
    if args.images and not args.images.is_dir():
        raise UserError(f"{args.images}: no such directory")
    from edgeward.demo.story import run

    return run(args.images, args.keep, args.json)


def _prepare(args: argparse.Namespace) -> "Config":
    """Read the settings, then make ready what must be there before the process's own modules are imported."""
    config = checked_config(args)
    _log(as_json=args.json or LOG_AS_JSON in os.environ)
    metrics = config.state_dir.absolute() / "metrics"
    try:
        config.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        metrics.mkdir(exist_ok=True)
    except OSError as error:
        raise ConfigError(f"state_dir: {config.state_dir}: {error.strerror}") from None
    # prometheus-client reads it when it is imported, and never again.
    os.environ.setdefault(METRICS_DIR, str(metrics))
    return config


def _log(as_json: bool) -> None:
    """Log to stderr: our own modules from INFO on, others from WARNING on (theirs at INFO name URLs, clients)."""
    handler = logging.StreamHandler()
    handler.setFormatter(_JsonFormatter() if as_json else _PlainFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("edgeward").setLevel(logging.INFO)


class _PlainFormatter(logging.Formatter):
    def __init__(self) -> None:
        line = "%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s[%(process)d]: %(message)s"
        super().__init__(line, "%Y-%m-%dT%H:%M:%S")
        self.converter = time.gmtime


class _JsonFormatter(logging.Formatter):
    """One JSON object a line. `at` is Unix seconds."""

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
