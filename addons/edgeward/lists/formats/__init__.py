"""Files of hashes: text, CSV or JSON lines. `hash_files` reads them all; each format has a module that gives its rows.

text   TYPE:HEX, or HEX if a type is given for all; empty lines and lines that begin with # are skipped
csv    a header with `value`, and any of `type`, `quality` and `reason` (RFC 4180)
jsonl  one object a line with the same keys (JSON lines)
"""

from collections.abc import Mapping

COLUMNS = ("type", "value", "quality", "reason")

type Row = tuple[int, Mapping[str, object] | str]
"""The number of a line, from 1; and its columns, or what is wrong with it."""
