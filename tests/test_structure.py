"""The structure of the package and its tests: direction of imports, confined libraries, sizes, names, waits."""

import ast
import importlib
import importlib.util
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from tests.support.syntax_trees import syntax_trees

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "addons" / "edgeward"
MODULES = sorted(PACKAGE.rglob("*.py"))

ROWS = (
    {"errors", "quantities"},
    {"types"},
    {"metrics_files", "process_states", "descriptors"},
    {"metrics", "listening_sockets", "plug_ins"},
    {"settings", "metrics_exposition", "guard_metrics"},
    {"store", "isolation", "caches"},
    {"background"},
    {"hashing"},
    {"matching"},
    {"lists"},
    {"access", "sightings"},
    {"incidents", "purging"},
    {"policy"},
    {"retromatch"},
    {"imports", "takedowns", "origin_check", "classifying"},
    {"proxy", "operations"},
    {"doctor"},
    {"api"},
    {"controller"},
    {"supervisor", "demo"},
    {"cli"},
    {"__main__"},
)
"""Rooms from the ground up: a module imports only from its own room and from rows above its own in this table."""

METRICS = ("metrics.py", "guard_metrics.py")
CONFINED = {
    "mitmproxy": {"proxy"},
    "defusedxml": {"hashing"},
    "redis": {"store"},
    "aiohttp": {"api", "controller", "caches"},
    "aiolimiter": {"caches"},
    "cryptography": {"caches/google_token.py"},
    "yarl": {"caches/cdn_client.py"},
    "h11": {"proxy"},
    "idna": {"sightings/url_host.py"},
    "PIL": {"hashing", "classifying/classifier.py", "classifying/input_image.py", "demo/photos.py"},
    "pillow_heif": {"hashing/decoding/decoders.py"},
    "imagehash": {"hashing"},
    "numpy": {"hashing", "matching", "retromatch", "imports/batch_maker.py"},
    "skimage": {"demo/photos.py"},
    "pydantic": {"settings", "api", "cli/toml.py"},
    "prometheus_client": {*METRICS, "metrics_files.py", "metrics_exposition.py", "api/health.py"},
    "brotli": {"hashing/content_codings.py"},
}
"""Where each library may be imported: a room, or one file."""

MAY_EXPIRE = {
    "lists/batches/announcements.py",  # who is ready for a batch: others wait for them a while longer
    *("background/job_store.py", "lists/acts.py"),  # what is staged: whether it is whole is looked at afterwards
    *("lists/replication/refill.py", "store/probe.py", "classifying/claims.py", "proxy/failed_images.py"),
    *("origin_check/host_answers.py", "origin_check/host_problems.py", "origin_check/refilled_targets.py"),
    *("origin_check/queue.py", "origin_check/queue_scripts.py"),
    *("purging/key_mismatches.py", "purging/refused_retries.py", "sightings/prune_worker.py"),
    # A step of the store's clock that removes these is said: operations/expired_sightings.py.
    *("sightings/images_and_targets.py", "sightings/url_index.py", "sightings/coded_bodies.py"),
    *("sightings/forgotten_scripts.py", "operations/entry_guard.py"),
}
"""The modules whose keys in the store may expire, also at once: nothing is owed by what is there, and no receipt is
read from it."""
EXPIRES = re.compile(r"'P?EXPIRE'|redis\.p?expire\(|pipe\.p?expire\(|\b[ep]x=|'[EP]X'")

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60

TESTS = sorted((ROOT / "tests").rglob("*.py"))
WAITS = {"until", "eventually"}
WAITS_MODULE = "tests.support.eventually"

PRIVATE_WORDS = {
    *("absence", "adopt", "astray", "bury", "catalogue", "complaint", "complaints", "crowd", "curtain", "desk", "door"),
    *("hindmost", "hindsight", "joint", "joints", "lookback", "loose", "mend", "monkey", "nobody", "outbox", "painted"),
    *("painting", "passage", "placer", "rollcall", "said", "shelf", "somebody", "spelt", "suspect", "suspects", "tidy"),
    *("trials", "vendor", "wire"),
}
"""Metaphors that once named things here: a reader cannot guess what they mean."""
BARE_CONSTANTS = {"AT_ONCE", "FEW", "HELD", "KEPT", "MOST", "PATIENCE", "PREFIX", "ROOM"}
"""Names of constants that do not say what of."""


def inside(path: Path) -> str:
    """The path of a module inside the package."""
    return str(path.relative_to(PACKAGE))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def statements_of(path: Path) -> tuple[ast.stmt, ...]:
    """The statements of a module, also inside others, in their order. Its expressions are ten times as many nodes."""
    found: list[ast.stmt] = []
    waiting: list[ast.AST] = [parsed(path)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.stmt):
            found.append(node)
        for inner in ("finalbody", "orelse", "handlers", "cases", "body"):
            waiting += reversed(getattr(node, inner, ()))
    return tuple(found)


@cache
def imports_of(path: Path) -> tuple[str, ...]:
    """Dotted names of all that a module imports, relative ones made absolute."""
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    base = ["edgeward", *path.relative_to(PACKAGE).parent.parts] if path.is_relative_to(PACKAGE) else []
    for node in statements_of(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = base[: len(base) - node.level + 1] if node.level else []
            module = ".".join([*start, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


@pytest.fixture(scope="module", autouse=True)
def _trees() -> Iterator[None]:
    with syntax_trees(parsed, statements_of, imports_of):
        yield


def row_of(room: str) -> int:
    return next(number for number, rooms in enumerate(ROWS) if room in rooms)


def imports_against_the_table(path: Path) -> Iterator[str]:
    """Imports of a module from a room that the table does not have before its own."""
    room = room_of(path)
    if room == "__init__":
        return
    for name in imports_of(path):
        parts = name.split(".")
        if parts[0] != "edgeward" or len(parts) < 2 or parts[1] == "__version__":
            continue
        other = parts[1]
        if other != room and row_of(other) >= row_of(room):
            yield f"{inside(path)} must not import {name}"


def test_imports_go_one_way() -> None:
    """A module imports only from its own room and from those that the table has before it."""
    assert [found for path in MODULES for found in imports_against_the_table(path)] == []


@pytest.mark.parametrize("library", CONFINED)
def test_libraries_stay_in_their_rooms(library: str) -> None:
    """Each third-party library is imported only where the table allows it."""
    for path in MODULES:
        module = inside(path)
        allowed = any(module == place or module.startswith(f"{place}/") for place in CONFINED[library])
        used = [name for name in imports_of(path) if name == library or name.startswith(f"{library}.")]
        assert allowed or not used, f"{module} imports {used[0]}"


def test_every_module_has_its_tests() -> None:
    """tests/ mirrors the package: room/module.py has tests/room/test_module.py."""
    modules = [path for path in MODULES if path.name not in ("__init__.py", "__main__.py")]
    tests = [ROOT / "tests" / path.relative_to(PACKAGE).parent / f"test_{path.name}" for path in modules]
    assert [str(path.relative_to(ROOT)) for path in tests if not path.is_file()] == []


def too_long(path: Path) -> Iterator[str]:
    """A file over 400 lines, and functions over 60."""
    if len(path.read_text().splitlines()) > MAX_FILE_LINES:
        yield str(path.relative_to(ROOT))
    for node in statements_of(path):
        is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if is_function and (node.end_lineno or 0) - node.lineno >= MAX_FUNCTION_LINES:
            yield f"{path.relative_to(ROOT)}: {node.name}"


def test_files_and_functions_stay_small() -> None:
    """No file over 400 lines, no function over 60."""
    assert [found for path in [*MODULES, *TESTS] for found in too_long(path)] == []


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
    for path in (path for path in TESTS if path.name.startswith("test_")):
        for node in statements_of(path):
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


def names_of(module: ast.Module) -> Iterator[str]:
    """What a module defines or assigns: classes, functions, parameters, variables and attributes."""
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr


def words_of(name: str) -> set[str]:
    """The words of an identifier or a path, in lower case."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


def has_private_word(name: str) -> bool:
    return bool(words_of(name) & PRIVATE_WORDS)


def bare_constants(module: ast.Module) -> list[str]:
    """Constants of the module itself (not members of an enum, whose class says what they are of)."""
    assigned = (node.target if isinstance(node, ast.AnnAssign) else node for node in module.body)
    targets = (target for node in assigned for target in (node.targets if isinstance(node, ast.Assign) else [node]))
    return [node.id for node in targets if isinstance(node, ast.Name) and node.id.lstrip("_") in BARE_CONSTANTS]


def unclear_names(path: Path) -> list[str]:
    """Names of a module, its own included, with a private word; and constants that do not say what of."""
    names = {inside(path), *names_of(parsed(path))}
    return [*sorted(name for name in names if has_private_word(name)), *bare_constants(parsed(path))]


def test_names_say_what_they_mean() -> None:
    """No module and no name in one uses a private word, and every constant says what it is of."""
    assert [f"{inside(path)}: {name}" for path in MODULES for name in unclear_names(path)] == []


def test_private_words_are_found_in_every_name() -> None:
    """In modules, classes, functions, parameters and attributes; as a word, not as a part of one."""
    source = "class OutboxSize:\n  def _rollcall(self, a_desk):\n    self.crowds = self._crowd = Joint = 1"
    assert {name for name in names_of(ast.parse(source)) if has_private_word(name)} == {
        *("OutboxSize", "_rollcall", "a_desk", "_crowd", "Joint"),
    }
    assert has_private_word("takedown/absence.py")
    assert not has_private_word("doorway_adopted")
    constants = ast.parse("_KEPT = 1\nMOST: int = 2\nMAX_KEPT = 3\nclass Scope:\n    PREFIX = 4")
    assert bare_constants(constants) == ["_KEPT", "MOST"]


def waits_elsewhere(path: Path) -> list[str]:
    """Functions of a test module that wait in their own way: named like the two that wait, or loops that sleep."""
    found = []
    for node in statements_of(path):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.lstrip("_") in WAITS:
            found.append(f"{node.lineno}: def {node.name}")
        elif isinstance(node, ast.While) and any(_sleeps(statement) for statement in node.body):
            found.append(f"{node.lineno}: a loop that sleeps")
        elif isinstance(node, ast.ImportFrom) and node.module != WAITS_MODULE:
            found += [f"{node.lineno}: import {alias.name}" for alias in node.names if alias.name in WAITS]
    return found


def _sleeps(statement: ast.stmt) -> bool:
    """Whether a statement is `time.sleep(...)` or `await asyncio.sleep(...)`, of more than zero seconds."""
    value = statement.value if isinstance(statement, ast.Expr) else None
    call = value.value if isinstance(value, ast.Await) else value
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or call.func.attr != "sleep":
        return False
    return not (isinstance(call.args[0], ast.Constant) and call.args[0].value == 0)


WAITING_ITSELF = {
    "support/eventually.py",  # the two that wait
    "demo/test_edge.py",  # tests the product's own `until`
    # Loops that make a load with pauses, and wait for nothing:
    *("caches/test_cdn_client.py", "caches/test_raw_http.py"),
    *("lists/replication/test_replica.py", "purging/test_purger_shares.py", "bench/long_lists.py"),
}


def test_tests_wait_in_one_way() -> None:
    """Tests wait with `until` and `eventually` of tests/support alone, which `make disturb` makes late."""
    names = {path: str(path.relative_to(ROOT / "tests")) for path in TESTS}
    waiting = [path for path in TESTS if names[path] not in WAITING_ITSELF]
    assert [f"{names[path]}:{found}" for path in waiting for found in waits_elsewhere(path)] == []


def test_no_module_imports_from_a_test_module() -> None:
    """What several tests need is in a plain module, so that a test file can be moved or removed."""
    imported = [(path, name) for path in TESTS for name in imports_of(path)]
    assert [(str(path), name) for path, name in imported if re.match(r"tests\..*\btest_", name)] == []


def test_waits_elsewhere_are_found(tmp_path: Path) -> None:
    """A copy of a wait, a loop that sleeps, and an import from elsewhere; a sleep of zero gives way and is none."""
    module = tmp_path / "module.py"
    module.write_text(
        "import asyncio, time\nfrom tests.store.nodes import until\n"
        "async def _eventually():\n    while True:\n        await asyncio.sleep(0.1)\n"
        "while True:\n    time.sleep(1)\nwhile True:\n    time.sleep(0)\n"
    )
    assert waits_elsewhere(module) == [
        *("2: import until", "3: def _eventually", "4: a loop that sleeps", "6: a loop that sleeps"),
    ]


def missing_names(path: Path) -> Iterator[str]:
    """Names that a module of the tests imports from the package or from the tests, and that are not there."""
    for node in statements_of(path):
        if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith(("edgeward", "tests.")):
            continue
        module = importlib.import_module(node.module or "")
        for alias in node.names:
            if not hasattr(module, alias.name) and not importlib.util.find_spec(f"{node.module}.{alias.name}"):
                yield f"{path.relative_to(ROOT)}:{node.lineno}: {node.module} has no {alias.name}"


def test_names_that_tests_import_exist() -> None:
    """Also in the modules of long runs (chaos, bench, fuzz, detection), which no other test imports."""
    assert [found for path in TESTS for found in missing_names(path)] == []


ROOM_TABLE_ROW = re.compile(r"^\s*((?:[a-z_0-9]+/? )*[a-z_0-9]+/?) {2,}\S")


def missing_parts(path: Path) -> Iterator[str]:
    """Modules and folders that the table of a room's docstring names, and that are not there."""
    for line in (ast.get_docstring(parsed(path)) or "").splitlines():
        for name in found[1].split() if (found := ROOM_TABLE_ROW.match(line)) else ():
            there = path.parent / name.removesuffix("/")
            if not there.is_dir() and not there.with_suffix(".py").is_file():
                yield f"{inside(path)}: no {name} in {line!r}"


def test_the_table_of_a_room_names_what_is_there() -> None:
    """In a room's docstring, the first column of the table holds modules and folders of that room."""
    rooms = [path for path in PACKAGE.rglob("__init__.py") if path.parent.name != "types"]  # whose table is of terms
    assert [found for path in rooms for found in missing_parts(path)] == []


def test_only_what_may_be_forgotten_expires() -> None:
    """The store's clock may be set forwards, which removes what expires at once."""
    assert {inside(path) for path in MODULES if EXPIRES.search(path.read_text())} == MAY_EXPIRE
