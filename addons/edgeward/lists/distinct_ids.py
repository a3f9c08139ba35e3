"""A compact set of entry ids: HSCAN may return an entry more than once, and a list may have ten millions."""

ID_BYTES = 10
MIN_SLOTS = 1024
_EMPTY = bytes(ID_BYTES)


class DistinctIds:
    """Ids of entries, each of 20 hexadecimal digits. 15 to 30 bytes for each, where a set takes over 100.

    The ids are digests, so that a part of one is a good hash of it. Open addressing with linear probing, at most two
    thirds full. A full table stays, and another one of the same size is added: to make one anew would take seconds.

    Args:
        expected: number of ids, about.
    """

    def __init__(self, expected: int = 0) -> None:
        self._slots = max(MIN_SLOTS, 1 << (expected * 3 // 2).bit_length())
        self._tables = [bytearray(self._slots * ID_BYTES)]
        self._count = 0
        """Ids in the last table."""

    def add(self, entry_id: str) -> bool:
        """Add an id. Returns whether it is new.

        Raises:
            ValueError: it is no id of an entry.
        """
        new = bytes.fromhex(entry_id)
        if len(new) != ID_BYTES or new == _EMPTY:
            raise ValueError(f"{entry_id!r} is no id of an entry")
        for table in self._tables[:-1]:
            if self._find(table, new)[1]:
                return False
        at, found = self._find(self._tables[-1], new)
        if found:
            return False
        self._tables[-1][at : at + ID_BYTES] = new
        self._count += 1
        if 3 * self._count >= 2 * self._slots:
            self._tables.append(bytearray(self._slots * ID_BYTES))
            self._count = 0
        return True

    def _find(self, table: bytearray, wanted: bytes) -> tuple[int, bool]:
        """Where an id is or belongs, in bytes, and whether it is there."""
        slot = int.from_bytes(wanted[:8]) & (self._slots - 1)
        while True:
            at = slot * ID_BYTES
            there = table[at : at + ID_BYTES]
            if there == wanted:
                return at, True
            if there == _EMPTY:
                return at, False
            slot = (slot + 1) & (self._slots - 1)
