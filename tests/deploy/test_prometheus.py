"""deploy/prometheus: alerts use existing metrics, and fire when they should."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase
from tests.support.programs import require

from edgeward import metrics
from edgeward.exposition import exposition

DIRECTORY = Path(__file__).parents[2] / "deploy" / "prometheus"
TESTS = sorted(path.name for path in DIRECTORY.glob("*_test.yml"))


def promtool(*arguments: str) -> str:
    """Run promtool in deploy/prometheus and return its output. The test fails if promtool does."""
    done = subprocess.run([require("promtool"), *arguments], cwd=DIRECTORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def exported() -> dict[str, set[str]]:
    """The label names of each series in the registry."""
    return {
        series: set(metric._labelnames)
        for metric, names in metrics.registry._collector_to_names.items()
        for series in names
        if isinstance(metric, MetricWrapperBase)
    }


def rules() -> list[dict[str, str]]:
    groups = yaml.safe_load((DIRECTORY / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_configuration_is_valid() -> None:
    """Prometheus accepts the scrape configuration and the rules that it loads."""
    assert "1 rule files found" in promtool("check", "config", "prometheus.yml")


@pytest.mark.parametrize("name", TESTS)
def test_alerts_fire(name: str) -> None:
    """All tests of the alerts pass."""
    promtool("test", "rules", name)


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_alerts_use_exported_metrics(rule: dict[str, str]) -> None:
    """An alert names only exported series and labels: with a misspelt one it would never fire."""
    known = exported()
    names = set(re.findall(r"edgeward_\w+", rule["expr"]))
    assert names <= known.keys()
    labels = set().union(*(known[name] for name in names)) | {"job", "instance"}
    used = set(re.findall(r"(\w+)=\"", rule["expr"])) | set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
    assert used <= labels


def test_each_alert_is_tested() -> None:
    """Each alert fires in some test at least once."""
    cases = [case for name in TESTS for case in yaml.safe_load((DIRECTORY / name).read_text())["tests"]]
    fired = {check["alertname"] for case in cases for check in case["alert_rule_test"] if check.get("exp_alerts")}
    assert {rule["alert"] for rule in rules()} - fired == set()


def test_names_are_good_style() -> None:
    """promtool has no complaint about the exported metrics."""
    done = subprocess.run([require("promtool"), "check", "metrics"], input=exposition(), capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")


def test_alert_tests_use_exported_metrics() -> None:
    """The input series of the tests are exported metrics, or they would prove nothing."""
    for name in TESTS:
        names = set(re.findall(r"edgeward_\w+", (DIRECTORY / name).read_text()))
        assert names
        assert names <= exported().keys()
