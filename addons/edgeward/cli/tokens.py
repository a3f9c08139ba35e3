"""`token create|list|revoke`: tokens of the admin API and their roles."""

import argparse

from edgeward.cli.client import Client
from edgeward.cli.options import Subparsers, add_command, add_group
from edgeward.cli.output import iso_time, print_json, print_note, print_table
from edgeward.errors import Exit
from edgeward.types import Role

COLUMNS = ("id", "name", "role", "created")


def add_parser(subparsers: Subparsers) -> None:
    group = add_group(subparsers, "token", "create, list or revoke tokens of the admin API")
    create = add_command(group, "create", "create a token and print it once", _create)
    create.add_argument("name", metavar="NAME", help="owner of the token: the name in the audit trail")
    create.add_argument(
        "--role",
        choices=[*map(str, Role)],
        required=True,
        help="viewer: counts, but no URLs or hashes; operator: everything but tokens; admin: everything",
    )
    add_command(group, "list", "show all tokens (never the secrets)", _list)
    revoke = add_command(group, "revoke", "revoke a token at once", _revoke)
    revoke.add_argument("id", metavar="ID", help="the token's id, as `edgeward token list` prints it")


def _create(args: argparse.Namespace) -> int:
    answer = Client.find(args).post("tokens", body={"name": args.name, "role": args.role})
    if args.json:
        print_json(answer)
    else:
        print(answer["token"])
        print_note(f"token {answer['id']} ({answer['role']}): it will not be shown again")
    return Exit.DONE


def _list(args: argparse.Namespace) -> int:
    answer = Client.find(args).get("tokens")
    if args.json:
        print_json(answer)
    else:
        print_table(COLUMNS, [[t["id"], t["name"], t["role"], iso_time(t["created_at"])] for t in answer["tokens"]])
    return Exit.DONE


def _revoke(args: argparse.Namespace) -> int:
    answer = Client.find(args).delete("tokens", args.id)
    if args.json:
        print_json(answer)
    else:
        print(f"revoked {args.id}")
    return Exit.DONE
