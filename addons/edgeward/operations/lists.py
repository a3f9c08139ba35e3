"""Lists: named sets of entries with a policy; showing, creating, changing and deleting them."""

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace

from edgeward.errors import InvalidValue, PreconditionFailed
from edgeward.hashing.composite import is_matchable
from edgeward.hashing.signal_registry import default_radius, max_radius, types_with_distance
from edgeward.lists.held_changes import ChangeProgress, HeldChange
from edgeward.operations import held_updates
from edgeward.operations.guard import note_held
from edgeward.operations.held_updates import UpdateHeld
from edgeward.operations.list_limits import check_policy
from edgeward.operations.services import Services
from edgeward.operations.store import refuse_changes_after_loss
from edgeward.operations.waiting import ChangeStatus, wait_applied
from edgeward.retromatch.search_scope import policy_extents
from edgeward.types import Action, Change, HashList, Mode

LIST_NAME = r"^[a-z0-9][a-z0-9_.-]{0,63}$"
ANY_VERSION = "*"


@dataclass(frozen=True, slots=True)
class ListStatus:
    """A list and its number of entries by signal type. `not_matchable`: those of types that are not computed.

    `deleted`: how many it had when it was deleted, counted in the same step; None: it is there.
    """

    hash_list: HashList
    entries: Mapping[str, int]
    not_matchable: Mapping[str, int]
    deleted: int | None = None

    @property
    def total(self) -> int:
        """Number of all entries."""
        return sum(self.entries.values()) if self.deleted is None else self.deleted

    @property
    def radius(self) -> dict[str, int]:
        """The radius of every type that is compared by distance, in bits: the list's own, or the type's default."""
        return radius_in_force(self.hash_list)


@dataclass(frozen=True, slots=True)
class ListChanged:
    status: ListStatus
    change: ChangeStatus


@dataclass(frozen=True, slots=True)
class ListChanges:
    """What to change in a list's policy; None leaves a value as it is.

    `radius` changes the types that it names, in bits; None as a radius restores the type's default.
    """

    mode: Mode | None = None
    action: Action | None = None
    radius: Mapping[str, int | None] | None = None
    description: str | None = None
    rotations: bool | None = None
    geometry: bool | None = None
    protect: bool | None = None
    hosts: tuple[str, ...] | None = None
    paths: tuple[str, ...] | None = None
    share: float | None = None
    expires_at: float | None = None
    min_quality: int | None = None

    def applied_to(self, old: HashList) -> HashList:
        """The list with these changes."""
        values = {each.name: value for each in fields(self) if (value := getattr(self, each.name)) is not None}
        if self.radius is not None:
            values["radius"] = without_defaults({**old.radius, **self.radius})
        return old.changed(**values)


def radius_in_force(hash_list: HashList) -> dict[str, int]:
    """The radius of every type that is compared by distance, in bits: the list's own, or the type's default."""
    return {**{name: default_radius(name) for name in types_with_distance()}, **hash_list.radius}


def without_defaults(radius: Mapping[str, int | None]) -> dict[str, int]:
    """The radii that are set, by signal type; None stands for the type's default."""
    return {signal_type: bits for signal_type, bits in radius.items() if bits is not None}


def check_name(name: str) -> str:
    """The name of a list. Raises InvalidValue if it does not match LIST_NAME."""
    if not re.fullmatch(LIST_NAME, name):
        raise InvalidValue("must be 1 to 64 of a-z, 0-9, _ . -, beginning with a letter or digit", "name")
    return name


def check_radius[R: Mapping[str, int | None]](radius: R) -> R:
    """Radii by signal type; None stands for the type's default.

    Raises:
        InvalidValue: a type has no radius, or its radius is out of range.
    """
    for name, bits in radius.items():
        if name not in types_with_distance():
            known = ", ".join(types_with_distance())
            raise InvalidValue(f"{name!r} has no radius; types with a radius: {known}", "radius")
        if bits is not None and not 0 <= bits <= max_radius(name):
            raise InvalidValue(f"{name} = {bits} is not between 0 and {max_radius(name)}", "radius")
    return radius


async def all_lists(services: Services) -> list[ListStatus]:
    """Every list that is enforced, by name. After a loss of data the store has fewer than this process matches by."""
    found = await services.list_store.lists() if services.replica.loss is None else _lists_in_memory(services)
    return [_status_of(services, each) for each in found]


async def get(services: Services, name: str) -> ListStatus:
    """The list of this name. Raises NotFound."""
    if services.replica.loss is not None and name in services.replica.matcher.lists:
        return _status_of(services, services.replica.matcher.lists[name])
    return _status_of(services, await services.list_store.get_list(name))


async def create(services: Services, new: HashList, who: str, why: str) -> ListChanged:
    """Create an empty list.

    Raises:
        InvalidValue: its name, a radius or a limit is not allowed.
        Conflict: the name is taken.
    """
    refuse_changes_after_loss(services)
    check_name(new.name)
    check_radius(new.radius)
    check_policy(new, services.store.clock.now())
    done = await services.list_store.create_list(new, who, why)
    active = await wait_applied(services.list_store, done.version)
    return ListChanged(_status_of(services, new), active)


async def change(
    services: Services, name: str, changes: ListChanges, who: str, why: str, if_match: Collection[str] = (ANY_VERSION,)
) -> ListChanged:
    """Change a list's policy; its entries stay. Two changes of different values at the same time are both made.

    Args:
        if_match: entity tags of the policies that may be changed; see `entity_tag`.

    Raises:
        InvalidValue: a radius or a limit is not allowed.
        NotFound: there is no such list.
        PreconditionFailed: its policy has none of the entity tags.
        UpdateHeld: it would block too much: it waits for a second person.
    """
    refuse_changes_after_loss(services)
    check_radius(changes.radius or {})
    before = await services.list_store.get_list(name)
    await _hold_if_needed(services, before, changes.applied_to(_require_match(before, if_match)), who, why)

    def changed(old: HashList) -> HashList:
        new = changes.applied_to(_require_match(old, if_match))
        return check_policy(new, services.store.clock.now(), old)

    done = await services.list_store.change_list(name, changed, who, why)
    active = await wait_applied(services.list_store, done.version)
    return ListChanged(_status_of(services, done.list or HashList(name)), active)


async def _hold_if_needed(services: Services, before: HashList, after: HashList, who: str, why: str) -> None:
    """Raises UpdateHeld if a change of policy must be approved. Only one that makes more match is judged."""
    change = Change(0, "list.set", who, 0.0, why, list=after)
    if not policy_extents(change, before):
        return
    judged = await held_updates.judge_policy(services, after)
    if judged.is_held:
        held = HeldChange.between(before, after, who, services.store.clock.now(), why)
        await services.held_changes.create(held, judged.to_json())
        await note_held(services, held.id, held.list, who, judged)
        raise UpdateHeld(held_updates.of_change(held, ChangeProgress("held", judged.to_json())))


async def delete(
    services: Services, name: str, who: str, why: str, if_match: Collection[str] = (ANY_VERSION,)
) -> ListChanged:
    """Delete a list with its entries. The result has the list as it was. Raises NotFound and PreconditionFailed."""
    refuse_changes_after_loss(services)
    removed = await get(services, name)
    rows = removed.total - len(services.replica.matcher.single_entries(name))
    check = None if ANY_VERSION in if_match else lambda old: _require_match(old, if_match)
    done = await services.list_store.delete_list(name, who, why, check)
    # The live copy may lag behind while entries are added: by the store's count of single ones, they are gone too.
    status = replace(removed, hash_list=done.list or removed.hash_list, deleted=done.entries + rows)
    return ListChanged(status, await wait_applied(services.list_store, done.version))


def entity_tag(hash_list: HashList) -> str:
    """The strong entity tag of a list's policy (RFC 9110, section 8.8.3). Entries do not change it."""
    return f'"{hashlib.blake2b(hash_list.to_json().encode(), digest_size=10).hexdigest()}"'


def _require_match(hash_list: HashList, if_match: Collection[str]) -> HashList:
    if ANY_VERSION not in if_match and entity_tag(hash_list) not in if_match:
        raise PreconditionFailed(f"the list {hash_list.name!r} was changed since you read it: read it again")
    return hash_list


def _lists_in_memory(services: Services) -> list[HashList]:
    return sorted(services.replica.matcher.lists.values(), key=lambda each: each.name)


def _status_of(services: Services, hash_list: HashList) -> ListStatus:
    """A list with its entries counted in this process's live copy, which has applied every acknowledged change."""
    matcher = services.replica.matcher
    # Types of which the list once had entries still have a count of 0.
    counts = {
        signal_type: number
        for (name, signal_type), number in matcher.counts().items()
        if number and name == hash_list.name
    }
    not_matchable = {name: number for name, number in counts.items() if not is_matchable(name, matcher.types)}
    return ListStatus(hash_list, counts, not_matchable)
