"""Why it is not known of a purge that a cache took whether a copy is left, or whether there was one, in words.

The details of outcomes that Edgeward itself writes are here; all others say what a cache answered.
"""

ANSWER_LOST = "an answer of the cache was lost: a copy that this purge removed is not counted"
ANOTHER_CACHE = "controllers may purge different caches under this name"
UNDER_ANOTHER_KEY = "a copy was stored under a key with more in it than URL and Vary: others may be left"
NOT_TOLD = frozenset(("", "accepted", "completed"))
"""Details of a cache or CDN that says no more than that it took the purge."""

CAN_NOT_BE_ASKED = "can't be asked whether a copy is left"
SETTINGS_DIFFER = "was purged while controllers had different settings for it, so another cache may have the copy"
OTHER_KEY = "stored copies under keys that purges do not have"
IF_ENOUGH = "if that is enough, set accepted_is_enough = true for it"
"""What to do about caches that tell no more. Not where Edgeward's own settings or keys are the cause."""


def why_accepted(detail: str, differs: bool = False, other_key: bool = False) -> str:
    """What is said of a cache after its name, of which purges are accepted and not verified.

    Args:
        detail: of the outcome.
        differs: the settings of live controllers differ, and they may purge different caches under this name.
        other_key: its cache key has, or had, more in it than these purges.
    """
    if differs or detail == ANOTHER_CACHE:
        return SETTINGS_DIFFER
    if other_key or detail == UNDER_ANOTHER_KEY:
        return OTHER_KEY
    return CAN_NOT_BE_ASKED if detail in NOT_TOLD else f"does not show that no copy is left ({detail})"


def what_next(why: str) -> str:
    """What to do about it, for `why_accepted`."""
    if why == SETTINGS_DIFFER:
        return "make the settings of all controllers agree (`edgeward doctor` names them), and purge again"
    if why == OTHER_KEY:
        return "see `edgeward doctor`"
    return IF_ENOUGH
