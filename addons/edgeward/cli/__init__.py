"""The command `edgeward`: one module per group of commands, listed in `main.COMMANDS`.

Commands that read or change shared state are clients of the admin API (`client`), so that permissions are checked and
the audit trail is written in one place. `run`, `proxy`, `controller`, `demo`, `hash` and `config` work without the API.
"""
