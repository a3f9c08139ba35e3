"""Every metric has a unit and a meaning; label values are the documented ones; processes are added up."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from prometheus_client import Metric
from prometheus_client.metrics import MetricWrapperBase

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
def package() -> tuple[ast.Module, ...]:
    return tuple(ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py")) if path.name != "metrics.py")


def literal_label_values() -> Iterator[tuple[str, str, str]]:
    """(metric, label, value) of every `metrics.NAME.labels("value", ...)` in the package."""
    for node in (node for module in package() for node in ast.walk(module) if isinstance(node, ast.Call)):
        if called := re.fullmatch(r"metrics\.(\w+)\.labels", ast.unparse(node.func)):
            labels = getattr(metrics, called[1])._labelnames
            for label, argument in zip(labels, node.args, strict=True):
                if isinstance(argument, ast.Constant):
                    yield called[1], label, str(argument.value)


def section(metric: MetricWrapperBase) -> str:
    """What docs/metrics.md says about a metric."""
    heading = metric._name + ("_total" if metric._type == "counter" else "")
    return DOCUMENT.partition(f"### {heading}\n")[2].partition("\n##")[0]


@pytest.mark.parametrize(("name", "label", "value"), sorted(set(literal_label_values())))
def test_label_values_in_code_are_documented(name: str, label: str, value: str) -> None:
    """A value that the code gives to a label is in the metric's section of docs/metrics.md."""
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
    nodes = (node for module in package() for node in ast.walk(module) if isinstance(node, ast.Attribute))
    return {node.attr.lower() for node in nodes if ast.unparse(node.value) == "Reason"} | set(map(str, Flaw))


@cache
def texts_in_code() -> set[str]:
    """Every string constant of the package."""
    nodes = (node for module in package() for node in ast.walk(module) if isinstance(node, ast.Constant))
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
