"""The errors, and the exit status each ends a command with."""

from edgeward import errors
from edgeward.errors import EdgewardError, Exit, Unavailable, UserError


def test_status_by_branch() -> None:
    """User errors end with 2, services that are away with 3."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, EdgewardError)]
    for kind in kinds:
        if issubclass(kind, UserError):
            assert kind.exit_status is Exit.USER_ERROR
        elif issubclass(kind, Unavailable):
            assert kind.exit_status is Exit.UNAVAILABLE


def test_the_tree_is_drawn() -> None:
    """The docstring shows every error."""
    kinds = [name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, EdgewardError)]
    assert all(name in (errors.__doc__ or "") for name in kinds)
