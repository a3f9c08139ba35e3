"""The errors, and the exit status with which each ends a command."""

from edgeward import errors
from edgeward.errors import EdgewardError, Exit, Unavailable, UserError


def test_status_by_branch() -> None:
    """A UserError ends a command with 2, an Unavailable with 3."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, EdgewardError)]
    for kind in kinds:
        if issubclass(kind, UserError):
            assert kind.exit_status is Exit.USER_ERROR
        elif issubclass(kind, Unavailable):
            assert kind.exit_status is Exit.UNAVAILABLE


def test_the_docstring_shows_the_tree() -> None:
    """The module's docstring has every error."""
    kinds = [name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, EdgewardError)]
    assert all(name in (errors.__doc__ or "") for name in kinds)
