"""What a disturbed run came to, in words."""

from collections.abc import Sequence

from tests.disturb.rounds import Round


def print_report(rounds: Sequence[Round]) -> None:
    """A line a round, then every test that failed with the seed that repeats its round, then the result."""
    for each in rounds:
        numbers = f"{each.passed} passed, {len(each.failed)} failed, {each.skipped} skipped, {each.not_run} not run"
        cut = " (time was up)" if each.cut else ""
        print(f"disturb: seed {each.seed}: {numbers} in {each.seconds:.0f} s{cut}; {each.stops} processes stopped")
        for command in each.left if not each.cut else ():
            print(f"disturb: seed {each.seed}: left running and killed: {command}")
        if each.broken:
            print(f"disturb: seed {each.seed}: pytest itself failed")
    for each in rounds:
        for name in each.failed:
            print(f"disturb: failed with seed {each.seed}: {name}")
    print("disturb: every test that ran passed" if succeeded(rounds) else "disturb: FAILED", flush=True)


def succeeded(rounds: Sequence[Round]) -> bool:
    """No test failed, and some passed."""
    return all(each.ok for each in rounds) and any(each.passed for each in rounds)
