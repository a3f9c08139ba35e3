"""`config check`, `config show`: the settings in effect."""

import argparse
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from edgeward.cli import toml
from edgeward.cli.options import Subparsers, add_command, add_group, checked_config, config_path, load_config
from edgeward.cli.output import print_json
from edgeward.errors import Exit

if TYPE_CHECKING:
    from edgeward.settings.config import Config
    from edgeward.settings.setting_types import Section

MASK = "***"


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
    """The settings as plain values, with secrets and passwords masked."""
    values = config.model_dump(mode="json")
    for name in ("caches", "webhooks"):
        for table, shown_table in zip(getattr(config, name), values[name], strict=True):
            _mask_secrets(type(table), shown_table)
    for table in (*values["caches"], *values["hosts"]):
        key = "url" if "url" in table else "origin"
        table[key] = _without_password(table[key])
    values["store"]["url"] = _without_password(values["store"]["url"])
    values["proxy"]["upstream"] = _without_password(values["proxy"]["upstream"])
    return values


def _mask_secrets(model: "type[Section]", values: dict[str, Any]) -> None:
    """Replace the values of settings that the model marks as secret."""
    from edgeward.settings.setting_types import is_secret

    for name, field in model.model_fields.items():
        if isinstance(values[name], dict):  # the headers of a generic cache: any of them may hold a credential
            values[name] = dict.fromkeys(values[name], MASK)
        elif is_secret(field):
            values[name] = values[name] and MASK


def _without_password(url: str) -> str:
    """The URL with its password masked: before the host, or in the query, where redis-py accepts one too."""
    parts = urlsplit(url)
    if parts.password is not None:
        host = f"{parts.username or ''}:{MASK}@{parts.netloc.rpartition('@')[2]}"
        url = url.replace(parts.netloc, host, 1)
    return re.sub(r"(?<=[?&]password=)[^&#]*", MASK, url)
