"""Numbers with their nouns, in every sentence that has some."""


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun: "1 purge", "2 purges". `plural`: if it is not the noun with an s."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
