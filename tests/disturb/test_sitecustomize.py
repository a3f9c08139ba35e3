"""What every Python process of a disturbed run does, in processes of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.disturb.rounds import INSIDE

LATE_THREADS = """
import threading, time
began, delays = time.monotonic(), []
threads = [threading.Thread(target=lambda: delays.append(time.monotonic() - began)) for _ in range(20)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(max(delays))
"""
STALLS = """
import asyncio, time
async def main():
    longest, ended = 0.0, time.monotonic() + 6
    while time.monotonic() < ended and longest < 0.1:
        began = time.monotonic()
        await asyncio.sleep(0)
        longest = max(longest, time.monotonic() - began)
    print(longest)
asyncio.run(main())
"""
SWITCHES = "import sys; print(sys.getswitchinterval())"
LOOPS = "import sys; print('asyncio' in sys.modules)"


def printed(directory: Path, code: str, *options: str, seed: str = "1") -> str:
    """What a process prints that finds the file and `seed` in its path; no seed: it is not disturbed."""
    directory.mkdir(exist_ok=True)
    shutil.copy(INSIDE, directory)
    if seed:
        (directory / "seed").write_text(seed)
    environment = {**os.environ, "PYTHONPATH": str(directory)}
    command = [sys.executable, *options, "-c", code]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.measures_time
def test_threads_start_late(tmp_path: Path) -> None:
    """Of twenty threads the slowest begins a good while after the others."""
    assert float(printed(tmp_path, LATE_THREADS)) > 0.05


@pytest.mark.measures_time
def test_event_loops_stand_still(tmp_path: Path) -> None:
    """Within six seconds a loop that has nothing to do stood still for a tenth of one."""
    assert float(printed(tmp_path, STALLS)) > 0.1


def test_threads_are_switched_often(tmp_path: Path) -> None:
    """Ten times as often as Python does by itself; not at all where there is no seed."""
    disturbed = float(printed(tmp_path / "disturbed", SWITCHES))
    assert disturbed == pytest.approx(float(printed(tmp_path / "quiet", SWITCHES, seed="")) / 10)


def test_an_isolated_process_gets_no_event_loop(tmp_path: Path) -> None:
    """Hashers are disturbed without the memory that asyncio takes."""
    assert printed(tmp_path, LOOPS) == "True"
    assert printed(tmp_path, LOOPS, "-P") == "False"
    assert float(printed(tmp_path, SWITCHES, "-P")) < 0.001


@pytest.mark.parametrize(("send", "kind"), [("kill", "process"), ("killpg", "group")])
def test_stops_of_a_test_are_noted(tmp_path: Path, send: str, kind: str) -> None:
    """A process or group that a test stops has a note until the test continues it."""
    code = f"""
import os, signal, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True)
notes = lambda: sorted(name for name in os.listdir({str(tmp_path)!r}) if name.startswith("{kind}-"))
os.{send}(child.pid, signal.SIGSTOP)
assert notes() == [f"{kind}-{{child.pid}}"], notes()
os.{send}(child.pid, signal.SIGCONT)
assert notes() == [], notes()
os.{send}(child.pid, signal.SIGKILL)
print(child.wait())
"""
    assert printed(tmp_path, code) == "-9"
