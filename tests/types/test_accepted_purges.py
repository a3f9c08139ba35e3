"""Why accepted purges are not verified, in words."""

import pytest

from edgeward.types.accepted_purges import (
    ANOTHER_CACHE,
    CAN_NOT_BE_ASKED,
    IF_ENOUGH,
    NOT_TOLD,
    OTHER_KEY,
    SETTINGS_DIFFER,
    UNDER_ANOTHER_KEY,
    what_next,
    why_accepted,
)

VARIANTS = "the purge listener names no variants"
BANNED = "banned: older copies are no longer served; their memory is freed later"


@pytest.mark.parametrize(
    ("detail", "differs", "other_key", "why", "may_be_enough"),
    [
        *((detail, False, False, CAN_NOT_BE_ASKED, True) for detail in sorted(NOT_TOLD)),
        ("", True, False, SETTINGS_DIFFER, False),
        (ANOTHER_CACHE, False, False, SETTINGS_DIFFER, False),
        (ANOTHER_CACHE, True, True, SETTINGS_DIFFER, False),
        (UNDER_ANOTHER_KEY, False, False, OTHER_KEY, False),
        ("", False, True, OTHER_KEY, False),
        (VARIANTS, False, False, f"does not show that no copy is left ({VARIANTS})", True),
        (BANNED, False, False, f"does not show that no copy is left ({BANNED})", True),
    ],
)
def test_each_reason_has_its_words(detail: str, differs: bool, other_key: bool, why: str, may_be_enough: bool) -> None:
    """Only a cache that tells no more is said to be one that can't be asked, and nobody is advised to be content with
    what Edgeward's settings or keys are the cause of."""
    found = why_accepted(detail, differs, other_key)
    assert found == why
    assert (what_next(found) == IF_ENOUGH) is may_be_enough
