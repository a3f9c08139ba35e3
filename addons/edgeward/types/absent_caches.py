"""What is said of a cache that receives purges, and that no controller has in its settings."""

IN_NO_SETTINGS = "no live controller has it in [[caches]]"
ADVICE = "start a controller that has it, add it again, or write it off with `edgeward caches forget`"
"""What to do about it. Nothing that it owes or has refused is tried until then."""
NOT_TRIED = f"{IN_NO_SETTINGS}: nothing is tried there until it is added again"
"""Of one purge, in place of when it is retried."""


def what_to_do(name: str) -> str:
    """Why nothing happens there, and what to do about the cache of this name."""
    return (
        f"{IN_NO_SETTINGS}, so nothing is tried there: start a controller that has it, or add it again; or, if it is "
        f"gone for good with all its copies, write it off with `edgeward caches forget {name}`"
    )
