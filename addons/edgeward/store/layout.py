"""The version of the layout of the store: which keys there are, and what they mean.

{blocklist}:layout  hash: "written", the version of the latest release that has used the store, and "needs", the least
                    version that a process must know to use it. Without it, both are 1.

A release raises "needs" only with a change that earlier ones can't work beside. A process that knows less refuses the
store: it would misread what is there. Single records have a version of their own (types/later_releases.py).
"""

from edgeward.errors import LaterRelease

LAYOUT_VERSION = 1
"""The version that this release knows."""
LAYOUT_NEEDS = 1
"""The least version that a process must know to work beside this release."""
LAYOUT_KEY = ("{blocklist}", "layout")

# KEYS: layout. ARGV: version of this release, the least version beside it
CLAIM = """
local written = tonumber(redis.call('HGET', KEYS[1], 'written') or '0')
local needs = tonumber(redis.call('HGET', KEYS[1], 'needs') or '0')
if needs > tonumber(ARGV[1]) then return end
if written < tonumber(ARGV[1]) then redis.call('HSET', KEYS[1], 'written', ARGV[1]) end
if needs < tonumber(ARGV[2]) then redis.call('HSET', KEYS[1], 'needs', ARGV[2]) end
"""


def check_layout(needs: bytes | None, url: str) -> None:
    """Raise LaterRelease if the store needs a later version than this release knows.

    `url`: of the store, without its password, for the message.
    """
    if needs is not None and (not needs.isdigit() or int(needs) > LAYOUT_VERSION):
        raise LaterRelease(
            f"store {url}: its layout is of version {needs.decode('utf-8', 'replace')}, and this release of Edgeward "
            f"knows version {LAYOUT_VERSION}: a later release has used it; upgrade this one"
        )
