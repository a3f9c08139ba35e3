"""The policy by which an import was judged: what of it decides on what the entries will block."""

import json

from edgeward.errors import Conflict
from edgeward.types import HashList, ListKind, Mode


def judged_policy(hash_list: HashList) -> str:
    """It as text."""
    decides = hash_list.kind, hash_list.mode, dict(sorted(hash_list.radius.items())), hash_list.rotations
    more = hash_list.geometry, hash_list.hosts, hash_list.paths, hash_list.share, hash_list.min_quality
    return json.dumps([*decides, *more], separators=(",", ":"))


def require_judged(policy: str, hash_list: HashList) -> None:
    """The list must have the policy of the judgement, or block nothing: else nobody knows what the entries would do.

    Args:
        policy: as by `judged_policy`; "": the import was not judged.

    Raises:
        Conflict: it has another one.
    """
    blocks = hash_list.kind is ListKind.BLOCK and hash_list.mode is Mode.ENFORCE
    if policy and blocks and judged_policy(hash_list) != policy:
        raise Conflict(
            f"the policy of the list {hash_list.name!r} was changed while the import was under way: import it again, "
            "so that it is judged by the new one"
        )
