"""An import is carried out by the policy by which it was judged, or not at all."""

from dataclasses import replace

import pytest

from edgeward.errors import Conflict
from edgeward.imports.judged_policy import judged_policy, require_judged
from edgeward.types import HashList, ListKind, Mode

ENFORCED = HashList("a")


def test_a_list_that_came_to_block_more_needs_another_judgement() -> None:
    """Whatever of its policy decides on that was changed; not its description."""
    judged = judged_policy(replace(ENFORCED, description="x"))
    require_judged(judged, ENFORCED)
    for changed in (
        {"radius": {"pdq": 40}},
        {"rotations": True},
        {"geometry": True},
        {"hosts": ("a.test",)},
        {"paths": ("/x",)},
        {"share": 5.0},
        {"min_quality": 80},
    ):
        with pytest.raises(Conflict, match="import it again"):
            require_judged(judged, replace(ENFORCED, **changed))  # type: ignore[arg-type]
    with pytest.raises(Conflict, match="import it again"):
        require_judged(judged_policy(replace(ENFORCED, mode=Mode.OFF)), ENFORCED)


def test_what_blocks_nothing_needs_none() -> None:
    """Nor does what was never judged."""
    judged = judged_policy(ENFORCED)
    for harmless in (Mode.MONITOR, Mode.OFF):
        require_judged(judged, replace(ENFORCED, mode=harmless, rotations=True))
    require_judged(judged, replace(ENFORCED, kind=ListKind.ALLOW))
    require_judged("", replace(ENFORCED, rotations=True))
