"""The map of the package, held: direction of imports, confined libraries, a test file per module, sizes."""

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "addons" / "edgeward"
MODULES = sorted(PACKAGE.rglob("*.py"))

ROWS = (
    {"errors", "types"},
    {"fields", "plug_ins"},
    {"cache_settings"},
    {"complaints"},
    {"config", "metrics", "listen"},
    {"store"},
    {"isolation"},
    {"hashing"},
    {"matching"},
    {"blocklist"},
    {"takedown"},
    {"classifying"},
    {"proxy"},
    {"control"},
    {"supervisor"},
    {"demo"},
    {"cli"},
    {"__main__"},
)
"""Rooms from the ground up: a module imports only from its own room and from rows above its own in this table."""

CONFINED = {
    "mitmproxy": {"proxy"},
    "defusedxml": {"hashing"},
    "redis": {"store"},
    "aiohttp": {"control", "takedown/caches"},
    "aiolimiter": {"takedown"},
    "cryptography": {"takedown/caches/google_token.py"},
    "yarl": {"takedown/caches/api.py"},
    "h11": {"proxy"},
    "PIL": {"hashing", "classifying/classifier.py", "classifying/picture.py", "demo/photos.py"},
    "pillow_heif": {"hashing/decoding/formats.py"},
    "imagehash": {"hashing"},
    "numpy": {"hashing", "matching"},
    "skimage": {"demo/photos.py"},
    "pydantic": {"fields.py", "cache_settings.py", "config.py", "control", "cli/toml.py"},
    "prometheus_client": {"metrics.py", "control/health.py"},
    "brotli": {"hashing/codings.py"},
}
"""Where each library may be imported: a room, or one file."""

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def imports_of(path: Path) -> tuple[str, ...]:
    """Dotted names of all that a module imports, relative ones made absolute."""
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    base = ["edgeward", *path.relative_to(PACKAGE).parent.parts]
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = base[: len(base) - node.level + 1] if node.level else []
            module = ".".join([*start, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def row_of(room: str) -> int:
    return next(number for number, rooms in enumerate(ROWS) if room in rooms)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(path: Path) -> None:
    """A module imports only from its own room and from those that the table has before it."""
    room = room_of(path)
    if room == "__init__":
        return
    for name in imports_of(path):
        parts = name.split(".")
        if parts[0] != "edgeward" or len(parts) < 2 or parts[1] == "__version__":
            continue
        other = parts[1]
        assert other == room or row_of(other) < row_of(room), f"{room} must not import {name}"


@pytest.mark.parametrize("library", CONFINED)
def test_libraries_stay_in_their_rooms(library: str) -> None:
    """Each third-party library is imported only where the table allows it."""
    for path in MODULES:
        inside = str(path.relative_to(PACKAGE))
        allowed = any(inside == place or inside.startswith(f"{place}/") for place in CONFINED[library])
        used = [name for name in imports_of(path) if name == library or name.startswith(f"{library}.")]
        assert allowed or not used, f"{inside} imports {used[0]}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_module_has_its_tests(path: Path) -> None:
    """tests/ mirrors the package: room/module.py has tests/room/test_module.py."""
    inside = path.relative_to(PACKAGE)
    if path.name in ("__init__.py", "__main__.py"):
        return
    assert (ROOT / "tests" / inside.parent / f"test_{path.name}").is_file()


@pytest.mark.parametrize(
    "path", [*MODULES, *sorted((ROOT / "tests").rglob("*.py"))], ids=lambda p: str(p.relative_to(ROOT))
)
def test_files_and_functions_stay_small(path: Path) -> None:
    """No file over 400 lines, no function over 60."""
    assert len(path.read_text().splitlines()) <= MAX_FILE_LINES
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < MAX_FUNCTION_LINES, node.name


def test_no_import_cycles() -> None:
    """No module imports itself by way of others."""
    names = {
        ".".join(("edgeward", *p.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"): p
        for p in MODULES
    }
    graph = {
        name: {other for other in imports_of(path) if other in names and other != name} for name, path in names.items()
    }
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join((*way, name))
        if name not in done:
            for other in graph[name]:
                visit(other, (*way, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_every_test_says_what_must_hold() -> None:
    """Each test function has a docstring."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                assert ast.get_docstring(node), f"{path.relative_to(ROOT)}: {node.name}"


def test_constraints_pin_without_addresses() -> None:
    """constraints.txt holds exact versions and no URLs, among them an h2 without the duplicate-Host hole."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[A-Za-z0-9.]+( ; [a-z_]+ == \"[a-z0-9_]+\")?", line) for line in lines)
    pins = dict(re.split("==| ; ", line)[:2] for line in lines)
    assert tuple(map(int, pins["h2"].split("."))) >= (4, 4, 1)


def test_run_time_dependencies_are_pinned() -> None:
    """Every dependency of pyproject.toml has a line in constraints.txt."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pinned = {line.split("==")[0].lower() for line in (ROOT / "constraints.txt").read_text().splitlines()}
    wanted = [*project["dependencies"], *project["optional-dependencies"]["demo"]]
    assert {re.match(r"[A-Za-z0-9-]+", line)[0].lower() for line in wanted} <= pinned  # type: ignore[index]
