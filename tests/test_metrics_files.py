"""Files of metrics: a disk that is full, read-only or gone ends no process."""

import os
import subprocess
import sys
from pathlib import Path

from prometheus_client.mmap_dict import MmapedDict
from tests.supervisor.mounts import fill, small_disk

from edgeward import metrics_files
from edgeward.metrics_files import FILE_BYTES, MetricsFile

ADDONS = str(Path(metrics_files.__file__).parents[1])
CODE = """
from edgeward import metrics
for number in range(3000):
    metrics.responses.labels("block", f"reason {number}").inc()
print(metrics.responses.labels("block", "reason 0")._value.get())
"""


def written(path: Path) -> dict[str, float]:
    """What other processes read in the file."""
    return {key: value for key, value, _, _ in MmapedDict.read_all_values_from_file(str(path))}  # type: ignore[no-untyped-call]


def test_values_are_shared_and_read_again(tmp_path: Path) -> None:
    """The file grows with its values, and every page of it has its place on disk."""
    path = tmp_path / "counter_1.db"
    file = MetricsFile(str(path))
    assert path.stat().st_blocks * 512 >= FILE_BYTES
    for number in range(3000):
        file.write_value(f"key {number}", float(number), 0.0)  # type: ignore[no-untyped-call]
    assert written(path) == {f"key {number}": float(number) for number in range(3000)}
    assert path.stat().st_size > FILE_BYTES
    assert path.stat().st_blocks * 512 >= path.stat().st_size
    file.close()
    again = MetricsFile(str(path))
    assert again.read_value("key 7")[0] == 7.0  # type: ignore[no-untyped-call]
    again.close()
    assert [each.name for each in tmp_path.iterdir()] == ["counter_1.db"]


def test_without_a_directory_values_stay_in_memory(tmp_path: Path) -> None:
    """Values are kept, more than fit into a new file too, and nothing is raised."""
    file = MetricsFile(str(tmp_path / "gone" / "counter_1.db"))
    for number in range(3000):
        file.write_value(f"key {number}", float(number), 0.0)  # type: ignore[no-untyped-call]
    assert all(file.read_value(f"key {number}")[0] == number for number in range(3000))  # type: ignore[no-untyped-call]
    file.close()
    file.close()


def test_a_disk_that_fills_up(tmp_path: Path) -> None:
    """A file that can't grow goes on in memory with all its values; what was in it stays for the others."""
    disk = tmp_path / "disk"
    with small_disk(disk, megabytes=1):
        path = disk / "counter_1.db"
        file = MetricsFile(str(path))
        file.write_value("key 0", 5.0, 0.0)  # type: ignore[no-untyped-call]
        fill(disk)
        for number in range(1, 3000):
            file.write_value(f"key {number}", float(number), 0.0)  # type: ignore[no-untyped-call]
        assert file.read_value("key 0")[0] == 5.0  # type: ignore[no-untyped-call]
        assert file.read_value("key 2999")[0] == 2999.0  # type: ignore[no-untyped-call]
        assert written(path)["key 0"] == 5.0
        file.close()


def test_a_process_on_a_full_disk_lives(tmp_path: Path) -> None:
    """It starts, counts, and leaves no empty file, which others could not read; the kernel ends it by SIGBUS else."""
    disk = tmp_path / "disk"
    with small_disk(disk, megabytes=1):
        fill(disk)
        done = subprocess.run(
            [sys.executable, "-c", CODE],
            env={**os.environ, "PYTHONPATH": ADDONS, "PROMETHEUS_MULTIPROC_DIR": str(disk)},
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stdout) == (0, "1.0\n"), done.stderr
        assert [each.name for each in disk.iterdir()] == ["filler"]
