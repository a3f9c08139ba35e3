"""A receipt as one HTML page for screen and print: no script, nothing loaded from elsewhere.

Every value from outside (URLs, reasons, answers of caches) passes through `_text`, which escapes it.
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

from edgeward.quantities import not_heard_from
from edgeward.types import placed_at
from edgeward.types.absent_caches import ADVICE, IN_NO_SETTINGS, NOT_TRIED
from edgeward.types.outcome_words import spoken
from edgeward.types.refused_purges import with_what_is_next

type Json = Mapping[str, Any]

STYLE = """
:root { color-scheme: light dark; --line: #8886; --mute: #777 }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1.5rem }
h1 { font-size: 1.6rem; margin: 0 0 .2rem } h2 { font-size: 1.1rem; margin: 2rem 0 .4rem }
.state { display: inline-block; padding: .1rem .7rem; border: 2px solid; border-radius: 1rem; font-weight: 600 }
.gone, .verified { color: #15803d } .placing, .purging, .accepted, .found_nothing { color: #1d4ed8 }
.owed, .refused, .waiting, .unknown, .unsupported, .nothing, .inactive { color: #b91c1c }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1.5rem; margin: 1rem 0 }
dt, th { color: var(--mute); font-weight: 500 } dd { margin: 0; overflow-wrap: anywhere }
table { border-collapse: collapse; width: 100%; font-size: .85rem }
th, td { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line) }
thead { display: table-header-group } tr { break-inside: avoid }
td { font-variant-numeric: tabular-nums; white-space: nowrap }
td.url, td[rowspan], td:last-child { white-space: normal } td.url, td:last-child { overflow-wrap: anywhere }
td.url { min-width: 14rem } td:last-child { min-width: 8rem }
ul { margin: 0; padding-left: 1.2rem } .mute { color: var(--mute) } footer { margin-top: 2rem; font-size: .85rem }
@media print { :root { color-scheme: light } body { margin: 0; max-width: none; font-size: 10pt }
 table { font-size: 7.5pt } td { white-space: normal } td.url, td:last-child { min-width: 0 }
 td:last-child { overflow-wrap: normal } @page { margin: 15mm } }
"""
POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    f"style-src 'sha256-{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'"
)
"""The page's Content-Security-Policy: allows its own style, by hash, and nothing else."""
STATES = {
    "placing": "In progress: more orders will follow",
    "purging": "In progress",
    "gone": "Gone from every cache",
    "accepted": "Accepted by every cache, not verified by all",
    "found_nothing": "Found nothing: no cache had a copy",
    "nothing": "Nothing matched",
    "unknown": "Not known to be gone",
    "inactive": "What is listed blocks nothing",
    "refused": "Not gone: a cache refuses",
    "owed": "Not gone: a cache is unreachable",
}
CACHE_COLUMNS = (
    "cache", "verified", "accepted", "unsupported", "refused", "owed", "copies removed", "found none", "does not tell",
    "forgotten", "first", "last", "longest linger",
)  # fmt: skip
ORDER_COLUMNS = ("what", "placed", "cache", "outcome", "copies", "at", "linger", "attempts", "status", "detail")
EFFECTS = {
    "blocks": "blocks its image",
    "monitors": "blocks nothing: its list is in monitor mode",
    "off": "blocks nothing: its list is off",
    "protects": "blocks nothing: its list is an allowlist",
    "protected": "blocks nothing: an allowlist protects its image",
    "cannot_match": "blocks nothing: no image can match it here",
    "removed": "blocks nothing: it was removed",
}
ALL_ABSENT = "Not gone: no controller has a cache that owes purges"
"""In place of "unreachable", where nobody tries to reach it."""
NOTHING_LEFT = "Nothing is left where purges look"
"""In place of "gone", where no purge met a copy: a purge under another cache key meets nothing either."""
NO_VALUE = "–"


def _heading(summary: Json) -> str:
    """The state in words."""
    state = summary["state"]
    if state == "gone" and not summary.get("copies") and summary.get("met", {}).get("none"):
        return NOTHING_LEFT
    absent = {*summary.get("absent", ())}
    if state == "owed" and absent and not {*summary["owed"]} - absent:
        return ALL_ABSENT
    return STATES.get(state, str(state))


def render(receipt: Json) -> str:
    """The page of a receipt, given as in an answer of the API: the command line has it from there."""
    title, facts = _takedown(receipt) if "takedown" in receipt else _listing(receipt)
    summary = receipt["summary"]
    state = summary["state"]
    body = [
        f"<h1>{escape(title)}</h1>",
        f'<p><span class="state {escape(state)}">{escape(_heading(summary))}</span></p>',
        f"<p>{_text(summary.get('statement', ''))}</p>",
        _facts([*facts, *_times(summary)]),
        "<h2>Caches</h2>",
        _table(CACHE_COLUMNS, (_row(_cache_cells(*each)) for each in summary["nodes"].items())),
        f"<h2>Purge orders</h2>{_count(receipt)}",
        _table(ORDER_COLUMNS, map(_order_rows, receipt["purges"])),
        f'<footer class="mute">Edgeward, {_moment(datetime.now(UTC).timestamp())}. {_FOOTER} '
        f"{_text(summary.get('limits', ''))}</footer>",
    ]
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>{STYLE}</style>\n<body>\n" + "\n".join(body) + "\n</body>\n</html>\n"
    )


_FOOTER = (
    "Times are UTC. “Gone”: every copy that Edgeward knew of, from every cache it is told of, at the time above. "
    "“Verified”: the cache was asked after the purge and holds no copy. “Found nothing”: the same, and it had none "
    "before. “Accepted”: it took the purge, and can't be asked. “Unsupported”: this kind of cache can't carry out such "
    "a purge. Linger: seconds from the request to the purge."
)


def _takedown(receipt: Json) -> tuple[str, list[tuple[str, str]]]:
    takedown = receipt["takedown"]
    what = takedown["what"]
    facts = [
        ("Asked for", _moment(takedown["at"])),
        ("By", f"{_text(takedown['by'])} ({_text(takedown['way'])})"),
        ("Why", _text(takedown["why"])),
        *((title, _items(what[title.lower()])) for title in ("URLs", "Prefixes", "Hashes") if what[title.lower()]),
    ]
    facts += [("Listed on", _text(takedown["list"]))] if takedown["list"] else []
    facts += [("Error", _text(takedown["error"]))] if takedown["error"] else []
    facts += [("Matched nothing", _items(takedown["unmatched"]))] if takedown.get("unmatched") else []
    facts += _active(receipt) if "active" in receipt else []
    return f"Takedown {takedown['id']}", facts


def _listing(receipt: Json) -> tuple[str, list[tuple[str, str]]]:
    entry, blocked = receipt["entry"], receipt["first_blocked"]
    return f"Entry {entry['id']}", [
        ("Hash", _text(f"{entry['type']}:{entry['value']}")),
        ("Listed", _moment(entry["added_at"])),
        ("By", _text(entry["added_by"])),
        ("Act", _text(entry.get("act", ""))),
        ("On", _text(entry["list"])),
        ("Why", _text(entry["reason"])),
        *_removed(receipt.get("removed")),
        *_active(receipt),
        ("Effect", _text(EFFECTS.get(receipt.get("effect", ""), ""))),
        ("Retromatching", "complete" if receipt["matched"] else "not complete yet"),
        ("First blocked", _moment(blocked["at"]) if blocked else NO_VALUE),
    ]


def _removed(removal: Json | None) -> list[tuple[str, str]]:
    """Who took a removed entry off its list, or deleted the list."""
    if not removal:
        return []
    title = "List deleted" if removal["op"] == "list.delete" else "Removed"
    return [
        (title, _moment(removal["at"])),
        (f"{title} by", _text(removal["by"])),
        (f"Why {title.lower()}", _text(removal["why"])),
    ]


def _active(receipt: Json) -> list[tuple[str, str]]:
    """Whether every process acts by the current lists."""
    late = [f"not yet in {', '.join(receipt['waiting_for'])}"] if receipt["waiting_for"] else []
    late += not_heard_from([(each["name"], each["seconds"]) for each in receipt.get("silent", ())])
    return [("Active", "in every process" if receipt["active"] else _text("; ".join(late)))]


def _times(summary: Json) -> list[tuple[str, str]]:
    return [
        ("Orders", str(summary["orders"])),
        ("First purge", _moment(summary["first_at"])),
        ("Last purge", _moment(summary["last_at"])),
        ("Longest linger", _seconds(summary["linger_seconds"])),
        *(("Still owed by", _text(f"{name} ({count})")) for name, count in summary["owed"].items()),
        *(("Refused by", _text(f"{name} ({count})")) for name, count in summary["refused"].items()),
        *(("In no settings", _text(f"{name}: {IN_NO_SETTINGS}: {ADVICE}")) for name in summary.get("absent", ())),
        *(("Not known", _text(text)) for text in summary.get("unknowns", ())),
    ]


def _cache_cells(name: str, total: Json) -> list[str]:
    met = total.get("met", {})
    counts = [str(total.get(key, 0)) for key in ("verified", "delivered", "unsupported", "refused", "owed", "copies")]
    counts += [str(met.get(key, 0)) for key in ("none", "unknown")] + [str(total.get("forgotten", 0))]
    times = [_moment(total["first_at"]), _moment(total["last_at"]), _seconds(total["linger_seconds"])]
    return [_text(name), *counts, *times]


def _order_rows(purge: Json) -> str:
    """A row for each cache. The order's own cells span all of them."""
    # A cache that was tried without success is in both; its outcome says more than "owed".
    absent = purge.get("absent", ())
    rows = [_outcome_cells(name, each, name in absent) for name, each in sorted(purge["outcomes"].items())]
    owed = {name: _text(NOT_TRIED if name in absent else "") for name in purge["owed"] if name not in purge["outcomes"]}
    rows += [
        [_text(name), '<span class="waiting">owed</span>', *[NO_VALUE] * 5, detail] for name, detail in owed.items()
    ]
    rows = rows or [[NO_VALUE] * 8]
    placed = _moment(placed_at(purge["id"]))
    span = f'rowspan="{len(rows)}"'
    head = f'<td class="url" {span}>{_what(purge)}</td><td {span}>{placed}</td>'
    return "".join(_row(row, head if number == 0 else "") for number, row in enumerate(rows))


def _what(purge: Json) -> str:
    more = [f"{key}: {value}" for key, value in purge["vary"].items()]
    more += [f"stands for {purge['forgotten']} forgotten targets"] if purge.get("forgotten") else []
    return _url(_name(purge)) + (f'<br><span class="mute">{_text(", ".join(more))}</span>' if more else "")


def _name(purge: Json) -> str:
    if purge["scope"] == "tag":
        return f"tag {purge['tag']}"
    if purge["scope"] == "prefix":
        # Without a host: for targets of too many hosts, or that nobody knows.
        return f"{purge['url']} and everything below" if purge["url"] else "every host"
    return str(purge["url"])


def _outcome_cells(name: str, outcome: Json, is_absent: bool) -> list[str]:
    # "Delivered" could be read as: to a client.
    next_ = with_what_is_next(outcome["delivery"], outcome["detail"])
    word = str(outcome.get("word") or ("accepted" if outcome["delivery"] == "delivered" else outcome["delivery"]))
    return [
        _text(name),
        f'<span class="{escape(word)}">{escape(spoken(word))}</span>',
        NO_VALUE if outcome.get("removed") is None else str(outcome["removed"]),
        _moment(outcome["at"]),
        _seconds(outcome["linger_seconds"]),
        str(outcome["attempts"]),
        str(outcome["status"] or NO_VALUE),
        _text("; ".join(filter(None, (outcome["detail"], NOT_TRIED))) if is_absent else next_),
    ]


def _count(receipt: Json) -> str:
    shown, orders = len(receipt["purges"]), receipt["summary"]["orders"]
    return f'<p class="mute">{shown} of {orders} orders are shown.</p>' if shown < orders else ""


def _facts(facts: Iterable[tuple[str, str]]) -> str:
    return "<dl>" + "".join(f"<dt>{escape(name)}</dt><dd>{value}</dd>" for name, value in facts) + "</dl>"


def _table(titles: Sequence[str], rows: Iterable[str]) -> str:
    head = "".join(f"<th>{escape(title)}</th>" for title in titles)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _row(cells: Sequence[str], head: str = "") -> str:
    """`cells` and `head`, which is put before them, are HTML."""
    return f"<tr>{head}{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _items(values: Sequence[str], limit: int = 100) -> str:
    more = f"<li>and {len(values) - limit} more</li>" if len(values) > limit else ""
    return "<ul>" + "".join(f"<li>{_url(value)}</li>" for value in values[:limit]) + more + "</ul>"


def _url(value: str) -> str:
    """A URL byte for byte. Bytes outside ASCII are shown as \\xNN."""
    return _text(value.encode("latin-1", "backslashreplace").decode("ascii", "backslashreplace"))


def _text(value: str) -> str:
    """Text from outside, escaped for HTML. Characters that can't be printed are shown as \\xNN."""
    shown = "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in value)
    return escape(shown) or NO_VALUE


def _moment(seconds: float | None) -> str:
    if not seconds:
        return NO_VALUE
    return datetime.fromtimestamp(seconds, UTC).isoformat(sep=" ", timespec="milliseconds").removesuffix("+00:00")


def _seconds(seconds: float | None) -> str:
    return NO_VALUE if seconds is None else f"{seconds:.3f} s"
