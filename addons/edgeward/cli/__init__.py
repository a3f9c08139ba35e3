"""The command `edgeward`: one module per group of commands, listed in `main.COMMANDS`.

What touches shared state is a client of the admin API (`client`), so there is one door, one permission check
and one audit trail. Only `run`, `proxy`, `controller`, `demo`, `hash` and `config` work by themselves.
"""
