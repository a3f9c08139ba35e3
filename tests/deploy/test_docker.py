"""deploy/docker: the steps of the Dockerfile work. No container engine is needed for these tests."""

import http.server
import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
DIRECTORY = ROOT / "deploy" / "docker"


def instructions() -> list[tuple[str, str]]:
    """(instruction, text) for each instruction of the Dockerfile, with continued lines joined."""
    text = re.sub(r"\\\n", " ", (DIRECTORY / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines)]


def having(word: str) -> list[str]:
    return [rest for instruction, rest in instructions() if instruction == word]


def copied() -> list[str]:
    """The paths that are copied from the repository."""
    return [source for line in having("COPY") if "--from" not in line for source in line.split()[:-1]]


@pytest.fixture(scope="module")
def runtime() -> ModuleType:
    """deploy/docker/runtime.py as a module."""
    spec = importlib.util.spec_from_file_location("runtime", DIRECTORY / "runtime.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built by the command in the Dockerfile from the copied files, and installed in a directory."""
    directory = tmp_path_factory.mktemp("image")
    for source in copied():
        target = directory / "src" / source
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / source, target)
    (build,) = re.findall(r"/build/bin/pip (wheel .*?) &&", " ".join(having("RUN")))
    pip(build.replace("/dist", str(directory / "dist")), directory / "src")
    (made,) = (directory / "dist").glob("*.whl")
    pip(f"install --no-deps --target {directory / 'installed'} {made}", directory)
    return directory / "installed"


def pip(arguments: str, directory: Path) -> None:
    command = [sys.executable, "-m", "pip", "--no-input", *shlex.split(arguments)]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True)
    if "No module named pip" in done.stderr:
        pytest.skip("this Python has no pip: run `make setup`")
    assert done.returncode == 0, done.stdout + done.stderr


def run_isolated(paths: list[Path], *arguments: str) -> str:
    """Run this Python without its site-packages, only with `paths`."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(map(str, paths))}
    done = subprocess.run([sys.executable, "-S", *arguments], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_everything_copied_exists() -> None:
    """Each COPY source is in the repository, and .dockerignore lets it through."""
    allowed = {line[1:] for line in (DIRECTORY / "Dockerfile.dockerignore").read_text().split() if line[0] == "!"}
    for source in copied():
        assert (ROOT / source).exists(), source
        assert source in allowed
    assert allowed == set(copied())


def test_runs_unprivileged_and_stops_on_sigterm() -> None:
    """The image runs as a numeric user other than root, has its state in a volume, and drains on SIGTERM."""
    assert having("USER") == ["10001:10001"]
    assert having("STOPSIGNAL") == ["SIGTERM"]
    assert having("VOLUME") == ["/var/lib/edgeward"]
    assert "--uid 10001" in " ".join(having("RUN"))


def test_the_settings_of_the_image_match_it() -> None:
    """The settings file is where the image looks for it, and matches its volume and exposed ports."""
    from edgeward.settings.loading import load

    variables = dict(item.split("=", 1) for item in shlex.split(" ".join(having("ENV"))))
    assert f"deploy/docker/edgeward.toml {variables['EDGEWARD_CONFIG']}" in having("COPY")
    config = load(DIRECTORY / "edgeward.toml", variables)
    assert having("VOLUME") == [str(config.state_dir)]
    ports = [address.rpartition(":")[2] for address in (config.proxy.listen, config.admin.listen)]
    assert having("EXPOSE") == [" ".join(ports)]


def test_image_holds_what_runs_and_no_tools(runtime: ModuleType, wheel: Path) -> None:
    """The run-time list is a part of constraints.txt, has what is needed, and has no developers' tools."""
    constraints = ROOT / "constraints.txt"
    lines = run_isolated(
        [wheel, Path(str(distribution("packaging").locate_file(".")))],
        str(DIRECTORY / "runtime.py"), str(constraints), "edgeward",
    ).split("\n")[:-1]  # fmt: skip
    assert set(lines) <= set(constraints.read_text().split("\n"))
    names = {line.partition("==")[0] for line in lines}
    assert names >= {"mitmproxy", "aiohttp", "redis", "numpy", "pillow", "imagehash", "pydantic", "h2", "cffi"}
    assert not names & {"pytest", "mypy", "ruff", "hatchling", "scikit-image", "pdqhash", "hypothesis", "pip"}


def test_every_module_loads_with_the_runtime_list_alone(
    runtime: ModuleType, wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With only the packages of the image, every module of the wheel can be imported."""
    monkeypatch.syspath_prepend(str(wheel))
    for line in runtime.runtime((ROOT / "constraints.txt").read_text(), "edgeward"):
        link(line.partition("==")[0], tmp_path)
    output = run_isolated([wheel, tmp_path], "-c", IMPORT_ALL)
    loaded = json.loads(output)
    assert "edgeward.settings.config" in loaded
    assert not [name for name in loaded if name.startswith("edgeward.demo.photos")]


IMPORT_ALL = """
import importlib, json, pkgutil, edgeward
names = [module.name for module in pkgutil.walk_packages(edgeward.__path__, "edgeward.")]
names = [name for name in names if not name.startswith("edgeward.demo") and name != "edgeward.__main__"]
for name in names:
    importlib.import_module(name)
print(json.dumps(names))
"""


def link(name: str, directory: Path) -> None:
    """Link one installed distribution, and nothing else, into `directory`."""
    dist = distribution(name)
    for file in dist.files or ():
        top = file.parts[0]
        if top != ".." and not (directory / top).exists():
            (directory / top).symlink_to(Path(str(dist.locate_file(top))).absolute())


class Ready(http.server.BaseHTTPRequestHandler):
    """Answers /readyz with the `status` of the server."""

    server: "ReadyServer"

    def do_GET(self) -> None:
        self.send_response(self.server.status if self.path == "/readyz" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


class ReadyServer(http.server.ThreadingHTTPServer):
    status = 200


@pytest.fixture
def admin() -> Iterator[ReadyServer]:
    server = ReadyServer(("127.0.0.1", 0), Ready)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_healthcheck_follows_readyz(admin: ReadyServer, status: int, healthy: bool) -> None:
    """The health check of the image passes if /readyz answers 200, and fails if it answers 503."""
    admin.status = status
    command = json.loads(having("HEALTHCHECK")[0].partition("CMD ")[2])
    assert command[0] == "python"
    script = command[2].replace("8081", str(admin.server_port))
    done = subprocess.run([sys.executable, "-c", script], timeout=60)
    assert (done.returncode == 0) is healthy
