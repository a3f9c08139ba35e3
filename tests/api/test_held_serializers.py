"""Held updates as JSON."""

from edgeward.api.held_serializers import held_update
from edgeward.operations.guard import Judgement
from edgeward.operations.held_updates import HeldUpdate
from edgeward.operations.import_effect import SeenEffect

JUDGED = Judgement(SeenEffect(images=3, targets=4, hosts=2, unsearched=1, protected=1), ("too much",), 7, 60, 200, 2)
UPDATE = HeldUpdate("job-1", "import", "a", "ana", 1.5, "order 17", JUDGED, "held", 9)


def test_an_update_has_its_numbers() -> None:
    """What they mean at least, and of how many images they are."""
    shown = held_update(UPDATE)
    assert [shown[name] for name in ("images", "targets", "hosts", "protected", "protected_hashes")] == [3, 4, 2, 1, 2]
    assert (shown["at_least"], shown["sampled"], shown["images_seen"], shown["seen_in_last_day"]) == (True, 60, 200, 7)
    assert shown["statement"] == "job-1 is held until a second person approves it: too much"
    assert (shown["what"], shown["values"]) == ("9 hashes", None)


def test_a_change_of_a_list_has_its_values() -> None:
    """And no statement once it is decided."""
    change = HeldUpdate("chg-1", "list", "a", "ana", 1.5, "", JUDGED, "failed", values={"mode": "enforce"}, error="no")
    shown = held_update(change)
    assert (shown["what"], shown["values"]) == ('mode = "enforce"', {"mode": "enforce"})
    assert (shown["statement"], shown["error"]) == ("", "no")
