"""The acts of a source: the imports of what one programme ships into one list.

Their ids tell, so that what a source has listed is known from the entries themselves, whatever else the store has lost.
"""

import hashlib
import secrets

from edgeward.imports.import_jobs import ID_PREFIX

_DIGEST_BYTES = 6
_RANDOM_BYTES = 6
_ID_LENGTH = len(ID_PREFIX) + 2 * (_DIGEST_BYTES + _RANDOM_BYTES)
"""Ids of other imports are shorter."""


def new_source_act(list_name: str, source: str) -> str:
    """An id for an import of a source into a list. All of them begin alike."""
    return _prefix(list_name, source) + secrets.token_hex(_RANDOM_BYTES)


class SourceActs:
    """Tells the acts of one source on one list from all others."""

    def __init__(self, list_name: str, source: str) -> None:
        self._prefix = _prefix(list_name, source)

    def __contains__(self, act: object) -> bool:
        return isinstance(act, str) and len(act) == _ID_LENGTH and act.startswith(self._prefix)


def _prefix(list_name: str, source: str) -> str:
    text = f"{list_name}\0{source}".encode()
    return ID_PREFIX + hashlib.blake2b(text, digest_size=_DIGEST_BYTES).hexdigest()
