"""Builds a later release of Edgeward: a copy of the package that writes more into each record and knows more values."""

import shutil
from pathlib import Path

import edgeward

NEEDS_LATER = "needs later"
"""The reason of entries and takedowns that only the later release can read."""

_REPLACED = {
    "types/later_releases.py": [("RECORD_VERSION = 3\n", "RECORD_VERSION = 4\n")],
    "store/layout.py": [("LAYOUT_VERSION = 1\n", "LAYOUT_VERSION = 2\n")],
    "types/choices.py": [
        ('    OFF = "off"\n', '    SHADOW = "shadow"\n    OFF = "off"\n'),
        ('    UNJUDGED = "unjudged"\n', '    LATER = "later"\n    UNJUDGED = "unjudged"\n'),
    ],
    "operations/purges.py": [("Cause.MANUAL", "Cause.LATER")],
    # A field more in each change of the lists, and in each heartbeat before its last one.
    "lists/lua_scripts.py": [("local fields = {'op', op,", "local fields = {'ticket', '7', 'op', op,")],
    "lists/replication/membership_scripts.py": [("ARGV[13]}}, ' '))", "'later', ARGV[13]}}, ' '))")],
}
_MORE = f"""
def _with_more(kind, more):
    before = kind.to_json

    def to_json(self):
        data = json.loads(before(self))
        for name, value in more(self).items():
            data.setdefault(name, value)
        return json.dumps(data, separators=(",", ":"))

    kind.to_json = to_json


def _needs(text):
    return {{"needs": 4}} if text == "{NEEDS_LATER}" else {{}}

"""
_APPENDED = {
    "types/signals.py": _MORE
    + '_with_more(Entry, lambda entry: {"expires": 1.5, **_needs(entry.reason)})\n'
    + '_with_more(HashList, lambda _: {"quota": 9})\n',
    "takedowns/takedowns.py": _MORE + '_with_more(Takedown, lambda one: {"region": "eu", **_needs(one.why)})\n',
    "imports/import_jobs.py": _MORE + '_with_more(ImportJob, lambda _: {"region": "eu"})\n',
    "access/tokens.py": _MORE + '_with_more(Token, lambda _: {"expires": 1.5})\n',
    "purging/codec.py": """
_order_to_json = order_to_json


def order_to_json(order, nonce=""):
    return _order_to_json(order, nonce)[:-1] + ',"region":["eu"]}'
""",
    "incidents.py": """
_fields_before = _fields


def _fields(incident):
    fields = _fields_before(incident)
    return {**fields, "incident": fields["incident"][:-1] + ',"region":"eu"}', "weight": 3}
""",
}


def build_later_release(directory: Path) -> Path:
    """Make its source root in `directory`, and return that."""
    package = directory / "edgeward"
    # With what is compiled: each process would compile it for itself. Python compiles what is changed below.
    shutil.copytree(Path(edgeward.__file__).parent, package, ignore=shutil.ignore_patterns("*.pyc.*"))
    for name, pairs in _REPLACED.items():
        text = (package / name).read_text()
        for old, new in pairs:
            assert old in text, f"{name} has no {old!r}: adapt the later release to it"
            text = text.replace(old, new)
        (package / name).write_text(text)
    for name, more in _APPENDED.items():
        with (package / name).open("a") as file:
            file.write(more)
    return directory
