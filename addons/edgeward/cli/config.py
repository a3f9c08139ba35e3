"""`config check`, `config show`: the settings in effect."""

import argparse
from typing import TYPE_CHECKING, Any

from edgeward.cli import toml
from edgeward.cli.options import Subparsers, add_command, add_group, checked_config, config_path, load_config
from edgeward.cli.output import print_json
from edgeward.errors import Exit

if TYPE_CHECKING:
    from edgeward.settings.config import Config


def add_parser(subparsers: Subparsers) -> None:
    group = add_group(subparsers, "config", "check or show the settings")
    add_command(group, "check", "check the settings and name each key that is wrong", _check)
    add_command(
        group,
        "show",
        "print the settings in effect: defaults, file and environment together",
        _show,
        "Print every setting in effect: defaults, overridden by the file, overridden by EDGEWARD_* variables. "
        "Secrets and passwords in URLs are masked.",
    )


def _check(args: argparse.Namespace) -> int:
    checked_config(args)
    path = config_path(args)
    if args.json:
        print_json({"ok": True, "config": str(path) if path else None})
    else:
        print("ok")
    return Exit.DONE


def _show(args: argparse.Namespace) -> int:
    config = load_config(args)
    values = shown(config)
    if args.json:
        print_json(values)
    else:
        print(toml.render(type(config), values), end="")
    return Exit.DONE


def shown(config: "Config") -> dict[str, Any]:
    """The settings as plain values. Their types mask secrets, and passwords in URLs."""
    return config.shown()
