"""Every metric has a unit and a meaning; label values are the documented ones; processes are added up."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from prometheus_client import Metric
from prometheus_client.metrics import MetricWrapperBase
from tests.support.syntax_trees import syntax_trees

from edgeward import metrics
from edgeward.types import Flaw, Reason

UNITS = (
    "_seconds",
    "_total",
    "_entries",
    "_hosts",
    "_version",
    "_per_minute",
    "_lost",
    "_mismatch",
    "_stale",
    "_evicts",
    "_refuses_writes",
    "_refused",
    "_forgotten",
    "_ratio",
    "_pending",
    "_info",
    "_unverified",
    "_images",
    "_queue",
    "_isolation",
    "_bytes",
    "_processes",
    "_down",
    "_restarts",
    "_updates",
)
ALLOWED_LABELS = {
    "way", "verdict", "reason", "source", "result", "cause", "role", "hook", "list", "signal", "cache", "outcome",
    "met", "route", "status", "le", "pid", "layer", "classifier", "kind",
    "table", "state", "setting",
}  # fmt: skip


DOCUMENT = (Path(__file__).parent.parent / "docs" / "metrics.md").read_text()
PACKAGE = Path(metrics.__file__).parent


def families() -> list[Metric]:
    return list(metrics.registry.collect())


def test_names_have_prefix_and_unit() -> None:
    """A name begins with edgeward_ and ends in a unit or in what is counted."""
    for family in families():
        name = f"{family.name}_total" if family.type == "counter" else family.name
        assert name.startswith("edgeward_")
        assert name.endswith(UNITS), name
        assert family.documentation.endswith("."), name


def test_no_label_can_carry_a_secret() -> None:
    """Labels are from a fixed set, which has none for URLs, hashes or clients."""
    for family in families():
        for sample in family.samples:
            assert set(sample.labels) <= ALLOWED_LABELS, family.name


@cache
def package() -> tuple[ast.Call | ast.Attribute | ast.Constant, ...]:
    """What these tests look at in the package. Not at import: each process of the tests imports this module."""
    modules = (ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py")) if path.name != "metrics.py")
    nodes = (node for module in modules for node in ast.walk(module))
    return tuple(node for node in nodes if isinstance(node, ast.Call | ast.Attribute | ast.Constant))


@pytest.fixture(scope="module", autouse=True)
def _trees() -> Iterator[None]:
    with syntax_trees(package):
        yield


def literal_label_values() -> Iterator[tuple[str, str, str]]:
    """(metric, label, value) of every `metrics.NAME.labels("value", ...)` in the package."""
    calls = (node for node in package() if isinstance(node, ast.Call))
    for node in (call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "labels"):
        if called := re.fullmatch(r"metrics\.(\w+)\.labels", ast.unparse(node.func)):
            labels = getattr(metrics, called[1])._labelnames
            for label, argument in zip(labels, node.args, strict=True):
                if isinstance(argument, ast.Constant):
                    yield called[1], label, str(argument.value)


def section(metric: MetricWrapperBase) -> str:
    """What docs/metrics.md says about a metric."""
    heading = metric._name + ("_total" if metric._type == "counter" else "")
    return DOCUMENT.partition(f"### {heading}\n")[2].partition("\n##")[0]


def test_label_values_in_code_are_documented() -> None:
    """A value that the code gives to a label is in the metric's section of docs/metrics.md."""
    found = sorted(set(literal_label_values()))
    assert len(found) > 20
    for name, label, value in found:
        assert re.search(rf"\b{value}\b", section(getattr(metrics, name))), f"{name}: {label}={value}"


def documented_values() -> Iterator[tuple[str, str]]:
    """(metric, value) of every label value that a help text or a table of docs/metrics.md lists."""
    for name, metric in vars(metrics).items():
        if isinstance(metric, MetricWrapperBase):
            labels = "outcome|result|cause|source|reason|role|way"
            listed = re.search(rf"\b(?:{labels}): ([\w, ()]+)\.", metric._documentation)
            values = re.sub(r" \(.*?\)", "", listed[1]).split(", ") if listed else []
            rows = re.findall(r"^\| (`.*?`) \|", section(metric), re.MULTILINE)
            yield from ((name, value) for value in (*values, *re.findall(r"`(\w+)`", " ".join(rows))))


HOOKS = {"requestheaders", "responseheaders", "response", "error"}
"""The hooks of the gate count under the names of their methods."""


@cache
def reasons_in_code() -> set[str]:
    """The reasons that the package names as `Reason.NAME`, and the flaws, which are reasons too."""
    nodes = (node for node in package() if isinstance(node, ast.Attribute))
    return {node.attr.lower() for node in nodes if _is_name(node.value, "Reason")} | set(map(str, Flaw))


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


@cache
def texts_in_code() -> set[str]:
    """Every string constant of the package."""
    nodes = (node for node in package() if isinstance(node, ast.Constant))
    return {node.value for node in nodes if isinstance(node.value, str)}


@pytest.mark.parametrize(("name", "value"), list(documented_values()))
def test_documented_label_values_are_in_code(name: str, value: str) -> None:
    """docs/metrics.md lists no label value that nothing emits."""
    assert value in (reasons_in_code() if name == "responses" else texts_in_code() | HOOKS)


def test_the_document_lists_every_kind_of_value() -> None:
    """The search for documented values finds lists in help texts and in tables."""
    found = set(documented_values())
    assert found >= {("purges", "stored_again"), ("classified", "labelled"), ("takedowns", "api")}
    assert {value for name, value in found if name == "gate_errors"} > HOOKS
    assert {value for name, value in found if name == "responses"} == set(map(str, Reason))
