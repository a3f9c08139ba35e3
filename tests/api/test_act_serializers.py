"""Acts, undos and removals as JSON."""

from edgeward.api import act_serializers
from edgeward.lists.acts import Act, Outcome
from edgeward.operations.removals import EntriesRemoved
from edgeward.operations.still_blocked import StillBlocked
from edgeward.operations.undo import ActStatus, UndoResult
from edgeward.operations.waiting import ChangeStatus
from edgeward.types import Entry, HashList, Match, Signal

PDQ = Signal("pdq", "ff", 80)
ENTRY = Entry("a", PDQ, "why", "ana", 1.5, "act-1")
STILL = StillBlocked([(Match(PDQ, ENTRY, 3), HashList("a"))], None, 1, 7)
CHANGE = ChangeStatus(9, [])


def test_an_act_that_stands_has_no_times_of_an_undo() -> None:
    """Null, not 0: nobody has undone it."""
    shown = act_serializers.act_status(ActStatus(Act("act-1", "a", "ana", 1.5, "why"), 2, False))
    assert (shown["id"], shown["list"], shown["by"], shown["at"], shown["why"]) == ("act-1", "a", "ana", 1.5, "why")
    assert (shown["undone_at"], shown["done_at"], shown["listed"], shown["more"]) == (None, None, 2, False)


def test_an_undo_tells_removed_from_kept() -> None:
    """A kept entry has the act that lists it now, or "" for an unknown one. An undo that goes on says so."""
    act = Act("act-1", "a", "ana", 1.5, undone_at=2.0, done_at=3.0, removed=1, kept=2)
    outcomes = [Outcome(ENTRY, None), Outcome(ENTRY, "act-2"), Outcome(ENTRY, "")]
    shown = act_serializers.undo_result(UndoResult(act, outcomes, CHANGE, STILL))
    assert (shown["state"], shown["active"], len(shown["removed"])) == ("done", True, 1)
    assert [each["kept_by"] for each in shown["kept"]] == ["act-2", ""]
    going_on = UndoResult(Act("act-1", "a", "ana", 1.5, undone_at=2.0), [], CHANGE, STILL)
    assert act_serializers.undo_result(going_on)["state"] == "running"


def test_a_removal_says_what_still_blocks() -> None:
    """Each match with its list, type, distance and act; one entry or several."""
    removed = EntriesRemoved([ENTRY], 1, CHANGE, STILL, None)
    shown = act_serializers.entry_removed(removed)
    (match,) = shown["still"]["blocking"]
    assert (match["list"], match["entry"], match["type"], match["distance"]) == ("a", ENTRY.id, "pdq", 3)
    assert (match["act"], shown["still"]["unchecked"], shown["remaining"]) == ("act-1", 7, None)
    assert shown["removed"]["id"] == ENTRY.id
    assert act_serializers.entries_removed(removed)["removed"] == [shown["removed"]]
