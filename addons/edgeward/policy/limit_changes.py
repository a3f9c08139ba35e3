"""Whether a change of a list's limits makes it act where it did not: only then are the images seen searched again."""

from edgeward.types import HashList


def is_within(one: HashList, other: HashList) -> bool:
    """Whether one policy acts, by its hosts, paths, share and quality, only where the other does too.

    A host that is below another ("a.example.org", "*.example.org") counts as another host: to say no where yes is right
    costs a search and changes no verdict.
    """
    return (
        _is_part(one.hosts, other.hosts)
        and _is_part(one.paths, other.paths)
        and one.share <= other.share
        and one.min_quality >= other.min_quality
    )


def _is_part(some: tuple[str, ...], others: tuple[str, ...]) -> bool:
    """Whether these are among the others. None stands for all."""
    return not others or (bool(some) and set(some) <= set(others))
