"""Ids of imports that tell which source they are of."""

from edgeward.imports.import_jobs import new_job_id
from edgeward.imports.source_acts import SourceActs, new_source_act


def test_acts_of_a_source_are_told_from_all_others() -> None:
    """Its own are found; those of another source, of another list and of no source are not."""
    acts = SourceActs("a", "ncmec")
    first, second = new_source_act("a", "ncmec"), new_source_act("a", "ncmec")
    assert first != second and first in acts and second in acts
    others = [new_source_act("a", "iwf"), new_source_act("b", "ncmec"), new_job_id(), "", "act-0123456789abcdef"]
    assert [each for each in others if each in acts] == []
