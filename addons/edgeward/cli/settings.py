"""`config check`, `config show`: the settings, as they take effect."""

import argparse
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from edgeward.cli import toml
from edgeward.cli.options import Subparsers, add_command, add_group, checked_config, config_path, load_config
from edgeward.cli.output import print_json
from edgeward.errors import Exit

if TYPE_CHECKING:
    from edgeward.config import Config
    from edgeward.fields import Section

HIDDEN = "***"


def add_parser(subparsers: Subparsers) -> None:
    group = add_group(subparsers, "config", "check or show the settings")
    add_command(group, "check", "say whether the settings are possible, naming each that is not", _check)
    add_command(
        group,
        "show",
        "print every setting as it takes effect: defaults, file and environment together",
        _show,
        "Print every setting as it takes effect: defaults, then the file, then EDGEWARD_* variables. "
        "Secrets and the passwords in URLs are hidden.",
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
    """The settings as plain values, fit to be shown: secrets are hidden."""
    values = config.model_dump(mode="json")
    for name in ("caches", "webhooks"):
        for table, shown_table in zip(getattr(config, name), values[name], strict=True):
            _hide(type(table), shown_table)
    for table in (*values["caches"], *values["hosts"]):
        key = "url" if "url" in table else "origin"
        table[key] = _without_password(table[key])
    values["store"]["url"] = _without_password(values["store"]["url"])
    values["proxy"]["upstream"] = _without_password(values["proxy"]["upstream"])
    return values


def _hide(model: "type[Section]", values: dict[str, Any]) -> None:
    """Put stars where the model says that a value is never shown."""
    from edgeward.fields import is_hidden

    for name, field in model.model_fields.items():
        if isinstance(values[name], dict):
            values[name] = dict.fromkeys(values[name], HIDDEN)
        elif is_hidden(field):
            values[name] = values[name] and HIDDEN


def _without_password(url: str) -> str:
    """The URL with its password hidden, be it before the host or (redis-py takes that too) in the query."""
    parts = urlsplit(url)
    if parts.password is not None:
        host = f"{parts.username or ''}:{HIDDEN}@{parts.netloc.rpartition('@')[2]}"
        url = url.replace(parts.netloc, host, 1)
    return re.sub(r"(?<=[?&]password=)[^&#]*", HIDDEN, url)
