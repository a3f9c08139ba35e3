"""What a list should have after imports and undos: the model that a real one is compared with."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class ModelImport:
    """An import: what it lists and withdraws, by numbers of hashes. `job`: its id."""

    lists: frozenset[int]
    withdraws: frozenset[int]
    job: str = ""


@dataclass
class ListedModel:
    """The imports that are not undone, in order."""

    imports: list[ModelImport] = field(default_factory=list)

    def listed(self, imports: Sequence[ModelImport] | None = None) -> set[int]:
        """The numbers that are on the list: each import takes off what it withdraws, and then lists the rest."""
        found = set[int]()
        for each in self.imports if imports is None else imports:
            found = (found - each.withdraws) | each.lists
        return found
