"""What all commands have in common: `--json`, `-c/--config`, and the settings that these lead to."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgeward.config import Config

type Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]
type Command = Callable[[argparse.Namespace], int]


def add_common(parser: argparse.ArgumentParser, top: bool = False) -> None:
    """Add the options that every command takes, before its name (`top`) as well as after it."""

    def default(value: object) -> object:
        return value if top else argparse.SUPPRESS  # a command that is silent keeps what came before its name

    parser.add_argument("--json", action="store_true", default=default(False), help="print JSON, for scripts")
    parser.add_argument(
        "-c",
        "--config",
        type=Path,
        metavar="FILE",
        default=default(None),
        help="the TOML file with the settings (else $EDGEWARD_CONFIG, else the built-in defaults)",
    )


def add_command(
    subparsers: Subparsers, name: str, summary: str, command: Command | None, description: str = ""
) -> argparse.ArgumentParser:
    """Add one command. `summary` stands in the list of commands, `description` in the command's own help."""
    parser = subparsers.add_parser(name, help=summary, description=description or f"{summary[0].upper()}{summary[1:]}.")
    add_common(parser)
    if command:
        parser.set_defaults(command=command)
    return parser


def add_group(subparsers: Subparsers, name: str, summary: str) -> Subparsers:
    """Add a command that only holds others: `edgeward list create`."""
    parser = add_command(subparsers, name, summary, None)
    return parser.add_subparsers(title="commands", metavar="COMMAND", required=True)


def config_path(args: argparse.Namespace) -> Path | None:
    """The file of settings that was asked for, if any."""
    named: Path | None = args.config
    if named is None and (variable := os.environ.get("EDGEWARD_CONFIG")):
        named = Path(variable)
    return named


def load_config(args: argparse.Namespace) -> "Config":
    """The settings. Raises ConfigError."""
    from edgeward.config import load  # pydantic takes longer to import than `edgeward --help` may take

    return load(config_path(args))


def checked_config(args: argparse.Namespace) -> "Config":
    """The settings, for who works with what is installed beside Edgeward. ConfigError names what of that is broken."""
    from edgeward.classifying.registry import check
    from edgeward.hashing.registry import known

    known()
    config = load_config(args)
    check(classifier.name for classifier in config.classifiers)
    return config
