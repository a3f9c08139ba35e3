"""What all commands share: `--json`, `-c/--config`, and the settings."""

import argparse
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgeward.settings.config import Config

type Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]
type Command = Callable[[argparse.Namespace], int]


def add_common(parser: argparse.ArgumentParser, top: bool = False) -> None:
    """Add the options that every command takes, before its name (`top`) or after it."""

    def default(value: object) -> object:
        return value if top else argparse.SUPPRESS  # so an option before the command's name is not overwritten

    parser.add_argument("--json", action="store_true", default=default(False), help="print JSON, for scripts")
    parser.add_argument(
        "-c",
        "--config",
        type=Path,
        metavar="FILE",
        default=default(None),
        help="TOML file with the settings (else $EDGEWARD_CONFIG, else the defaults)",
    )


def add_command(
    subparsers: Subparsers, name: str, summary: str, command: Command | None, description: str = ""
) -> argparse.ArgumentParser:
    """Add one command. `summary` is for the list of commands, `description` for the command's own --help."""
    parser = subparsers.add_parser(name, help=summary, description=description or f"{summary[0].upper()}{summary[1:]}.")
    add_common(parser)
    parser.set_defaults(prog=parser.prog)
    if command:
        parser.set_defaults(command=command)
    return parser


def add_group(subparsers: Subparsers, name: str, summary: str) -> Subparsers:
    """Add a command that only has sub-commands, such as `edgeward list`."""
    parser = add_command(subparsers, name, summary, None)
    return parser.add_subparsers(title="commands", metavar="COMMAND", required=True)


def integer(text: str) -> int:
    """The value of an option that takes a number, from 0 on."""
    if not re.fullmatch(r"[0-9]{1,18}", text.strip()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def config_path(args: argparse.Namespace) -> Path | None:
    """The settings file given by -c or EDGEWARD_CONFIG, if any."""
    path: Path | None = args.config
    if path is None and (variable := os.environ.get("EDGEWARD_CONFIG")):
        path = Path(variable)
    return path


def load_config(args: argparse.Namespace) -> "Config":
    """The settings. Raises ConfigError."""
    from edgeward.settings.loading import load  # late: importing pydantic takes longer than `edgeward --help` should

    return load(config_path(args))


def checked_config(args: argparse.Namespace) -> "Config":
    """The settings, for processes, and for what says whether they would start.

    Raises:
        ConfigError: settings are wrong, no store can be at its URL, or a plug-in is broken.
    """
    from edgeward.classifying.classifier_registry import check
    from edgeward.hashing.signal_registry import listable_types
    from edgeward.store.configuration import check_store

    listable_types()
    config = load_config(args)
    check_store(config)
    check(classifier.name for classifier in config.classifiers)
    return config
