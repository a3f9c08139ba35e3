"""What a list should have after imports and undos."""

from tests.kills.listed_model import ListedModel, ModelImport


def test_imports_are_folded_in_order() -> None:
    """What one withdraws goes, unless it or a later one lists it; without one, the others stand."""
    first = ModelImport(frozenset({1, 2, 3}), frozenset(), "job-1")
    second = ModelImport(frozenset({4}), frozenset({2, 3}), "job-2")
    third = ModelImport(frozenset({2}), frozenset({1}), "job-3")
    model = ListedModel([first, second, third])
    assert model.listed() == {2, 4}
    assert model.listed([first, second]) == {1, 4}
    model.imports.remove(second)
    assert model.listed() == {2, 3}
    assert model.listed([]) == set()
