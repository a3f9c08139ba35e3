"""What commands print that take several images: each result, and for an image that has none the error."""

from collections.abc import Callable, Sequence
from typing import Any

from edgeward.cli.output import print_json, print_note
from edgeward.errors import EdgewardError, Exit


def print_each[T](
    as_json: bool,
    key: str,
    found: Sequence[tuple[str, T | EdgewardError]],
    to_json: Callable[[T], dict[str, Any]],
    show: Callable[[str, T], None],
    is_found: Callable[[T], bool],
) -> int:
    """Print the results in their order, and name every image without one on standard error.

    Args:
        key: of the image's name in JSON, where an image without a result has its `error`.
        found: the name of each image, and its result or error.
        is_found: whether a result makes the exit status FOUND.

    Returns: the exit status; that of the first error, if there is one.

    Raises:
        EdgewardError: no image has a result; or in text, at the end, the errors of those without one.
    """
    errors = [result for _, result in found if isinstance(result, EdgewardError)]
    if len(errors) == len(found):
        raise _together(errors)
    if as_json:
        print_json([_entry(key, name, result, to_json) for name, result in found])
        for error in errors:
            print_note(str(error))
        results = [result for _, result in found if not isinstance(result, EdgewardError)]
        if errors:
            return int(errors[0].exit_status)
        return Exit.FOUND if any(map(is_found, results)) else Exit.DONE
    status = Exit.DONE
    for name, result in found:
        if not isinstance(result, EdgewardError):
            show(name, result)
            status = Exit.FOUND if is_found(result) else status
    if errors:
        raise _together(errors)
    return status


def _entry[T](key: str, name: str, result: T | EdgewardError, to_json: Callable[[T], dict[str, Any]]) -> dict[str, Any]:
    return {key: name, **({"error": str(result)} if isinstance(result, EdgewardError) else to_json(result))}


def _together(errors: Sequence[EdgewardError]) -> EdgewardError:
    """The first error, with a line for each."""
    return type(errors[0])("\n".join(map(str, errors))) if len(errors) > 1 else errors[0]
