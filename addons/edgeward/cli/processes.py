"""`run`, `proxy`, `controller`: start the processes that do the work. `demo`: show them with real photographs."""

import argparse
import asyncio
import gc
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from edgeward.cli.log_format import configure_logging
from edgeward.cli.options import Subparsers, add_command, checked_config, config_path
from edgeward.descriptors import raise_descriptor_limit
from edgeward.errors import ConfigError, Exit, UserError
from edgeward.listening_sockets import READY_FD

if TYPE_CHECKING:
    from edgeward.settings.config import Config

METRICS_DIR = "PROMETHEUS_MULTIPROC_DIR"
"""The variable of prometheus-client for the directory in which processes share their metrics."""
LOG_AS_JSON = "EDGEWARD_INTERNAL_LOG_AS_JSON"
"""Set by `run --json` for its child processes, which get no --json."""


def add_parser(subparsers: Subparsers) -> None:
    add_command(
        subparsers,
        "run",
        "start everything on this machine: proxy workers, controller, embedded store",
        _run,
        "Start everything on this machine, and restart it if it ends: proxy workers, controller and, with "
        'store.url = "embedded", the store. SIGTERM or Ctrl-C stops it after the responses in progress.',
    )
    add_command(
        subparsers,
        "proxy",
        "start one proxy worker only",
        _proxy,
        "Start one proxy worker. The store must be running. For installations with separate machines per role.",
    )
    add_command(
        subparsers,
        "controller",
        "start the controller only (admin API, purging, retromatching)",
        _controller,
        "Start the controller: admin API, metrics, purging, and matching of new entries against sightings. The store "
        "must be running. Several controllers share the work.",
    )
    demo = add_command(
        subparsers,
        "demo",
        "start and check a demonstration with real photographs and a real Varnish",
        _demo,
        "Start an origin, a Varnish and Edgeward on free ports of this machine, list photographs, check that they are "
        "blocked and purged, and measure how long it takes. Exit status 0 only if every check passed.",
    )
    demo.add_argument("--images", type=Path, metavar="DIR", help="use the photographs in DIR, not the built-in ones")
    demo.add_argument("--keep", action="store_true", help="keep everything running afterwards and print the addresses")


@contextmanager
def _imports() -> Iterator[None]:
    """What a process imports stays until its end: the garbage collector visits it neither now nor later."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _run(args: argparse.Namespace) -> int:
    if args.json:
        os.environ[LOG_AS_JSON] = "1"
    with _imports():
        config = _prepare_process(args)
        from edgeward.supervisor import run

    return run(config, config_path(args))


def _proxy(args: argparse.Namespace) -> int:
    with _imports():
        config = _prepare_process(args)
        from edgeward.proxy.server import run

    return run(config)


def _controller(args: argparse.Namespace) -> int:
    with _imports():
        config = _prepare_process(args)
        from edgeward.controller.server import serve

    asyncio.run(_until_signal(partial(serve, config)))
    return Exit.DONE


async def _until_signal(serve: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    await serve(stop)


def _demo(args: argparse.Namespace) -> int:
    if args.images and not args.images.is_dir():
        raise UserError(f"{args.images}: no such directory")
    from edgeward.demo.checks import run

    return run(args.images, args.keep, args.json)


def _prepare_process(args: argparse.Namespace) -> "Config":
    """Read the settings, and set up descriptors, logging and metrics before the modules of the process are imported."""
    config = checked_config(args)
    configure_logging(as_json=args.json or LOG_AS_JSON in os.environ)
    raise_descriptor_limit()
    metrics = config.state_dir.absolute() / "metrics"
    try:
        config.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        metrics.mkdir(exist_ok=True)
    except OSError as error:
        # A process that the supervisor starts again must run without: the directory may be full, or deleted.
        if READY_FD not in os.environ:
            # Not needed otherwise, and it imports what `edgeward --help` must not.
            from edgeward.supervisor.state_files import unusable_state_dir

            raise ConfigError(unusable_state_dir(config.state_dir, error)) from None
    # prometheus-client reads the variable once, when it is imported.
    os.environ.setdefault(METRICS_DIR, str(metrics))
    return config
