"""All formats of files that can be read."""

from collections.abc import Mapping

from edgeward.lists.formats import (
    FileFormat,
    checksums,
    clamav,
    csv,
    hashdeep,
    json_entries,
    jsonl,
    ncmec,
    pdq_tools,
    stopncii,
    tat,
    text,
    threatexchange_csv,
    threatexchange_json,
    vics,
)

_IN_ORDER = (
    FileFormat("ncmec", "NCMEC hash sharing XML", "record", ncmec.looks_like, ncmec.rows),
    FileFormat("stopncii", "StopNCII JSON", "record", stopncii.looks_like, stopncii.rows),
    FileFormat(
        "threatexchange-json",
        "ThreatExchange JSON",
        "record",
        threatexchange_json.looks_like,
        threatexchange_json.rows,
    ),
    FileFormat(
        "threatexchange-csv", "ThreatExchange CSV", "line", threatexchange_csv.looks_like, threatexchange_csv.rows
    ),
    FileFormat("tat", "Tech Against Terrorism JSON", "record", tat.looks_like, tat.rows),
    FileFormat("vics", "Project VIC JSON", "record", vics.looks_like, vics.rows),
    FileFormat("json", "a JSON array of entries", "record", json_entries.looks_like, json_entries.rows),
    FileFormat("hashdeep", "output of hashdeep", "line", hashdeep.looks_like, hashdeep.rows),
    FileFormat("jsonl", "JSON lines", "line", jsonl.looks_like, jsonl.rows),
    FileFormat("clamav", "signatures of ClamAV", "line", clamav.looks_like, clamav.rows),
    FileFormat("pdq", "output of the PDQ tools", "line", pdq_tools.looks_like, pdq_tools.rows),
    FileFormat("checksums", "output of md5sum, sha1sum or sha256sum", "line", checksums.looks_like, checksums.rows),
    FileFormat("csv", "CSV", "line", csv.looks_like, csv.rows, csv.describe),
    FileFormat("text", "plain text with a hash in each line", "line", text.looks_like, text.rows),
)
"""The most specific first: that is the order in which a file is recognised."""

FORMATS: Mapping[str, FileFormat] = {each.name: each for each in _IN_ORDER}


def recognize(head: bytes) -> FileFormat | None:
    """The format of a file that begins with these bytes (UTF-8, no byte order mark), or None."""
    return next((each for each in _IN_ORDER if each.looks_like(head)), None)
