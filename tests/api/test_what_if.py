"""What a list would match, through the API."""

import pytest
from tests.support.controllers import Api


def test_the_answer_has_both_policies_and_a_histogram(api: Api, a_list: str) -> None:
    """Of a list whose entry no image seen matches: counts of 0. The policy stays as it was."""
    api.post(f"/lists/{a_list}/entries", {"hashes": ["pdq:" + "0123456789abcdef" * 4]})
    answer = api.get(f"/lists/{a_list}/what-if?radius=pdq=40,dhash=default&rotations=true")
    assert answer.status == 200
    found = answer.json
    assert (found["before"]["radius"]["pdq"], found["after"]["radius"]["pdq"]) == (31, 40)
    assert (found["before"]["rotations"], found["after"]["rotations"]) == (False, True)
    assert (found["entries"], found["searched"], found["complete"]) == (1, 1, True)
    assert (found["matching"], found["would_match"], found["distances"]) == (0, 0, {})
    assert api.get(f"/lists/{a_list}").json["radius"]["pdq"] == 31


@pytest.mark.parametrize("radius", ["pdq", "pdq=x", "pdq=65", "md5=1", "=3", "pdq=4=4"])
def test_a_radius_that_is_none(api: Api, a_list: str, radius: str) -> None:
    """422 that names the key."""
    answer = api.get(f"/lists/{a_list}/what-if?radius={radius}")
    assert (answer.status, answer.json["key"]) == (422, "radius")
