"""README and the pages for operators: what they name exists, and their commands are accepted."""

import contextlib
import io
import re
import shlex
from pathlib import Path

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from edgeward import __version__, guard_metrics, metrics
from edgeward.cli.main import parser
from edgeward.errors import UserError
from edgeward.settings.loading import load
from edgeward.types import Reason

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(
            ROOT / "docs" / f"{name}.md"
            for name in (
                *("architecture", "deployment", "list-formats", "lists", "looking-up", "metrics", "replication"),
                "sources",
            )
        ),
    ]
)
COMMANDED = [*PAGES, ROOT / "deploy" / "docker" / "compose.yaml", ROOT / "deploy" / "systemd" / "edgeward.service"]

COMMAND = re.compile(
    r"(?:sudo |[A-Z_]+=\S+ |/opt/edgeward/bin/|.* exec .*? )*edgeward (?!edgeward |-- |--version$)(\S.*)"
)


def commands(text: str) -> list[str]:
    """Every `edgeward …` of a text: in code spans and in lines of code blocks, without comments."""
    spans = [span for span in re.findall(r"`([^`\n]+)`", text) if "…" not in span]
    lines = [re.split(r"\s+(?:#|──|&$)|\s{3,}\(", line.lstrip("# ").strip())[0] for line in text.splitlines()]
    return [found[1] for candidate in (*spans, *lines) if (found := COMMAND.fullmatch(candidate))]


def anchors(page: Path) -> set[str]:
    """The anchors of the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", COMMANDED, ids=lambda page: page.name)
def test_commands_are_accepted(page: Path) -> None:
    """The command line accepts every edgeward command of a page, or it is the bare name of a command."""
    for command in commands(page.read_text()):
        words = shlex.split(command)
        try:
            parser().parse_args(words)
        except UserError as error:
            if not is_name(words):
                pytest.fail(f"{page.name}: edgeward {command}: {error}")


def is_name(words: list[str]) -> bool:
    """Whether `words` are the name of a command without its arguments."""
    with contextlib.redirect_stdout(io.StringIO()) as text, contextlib.suppress(SystemExit, UserError):
        parser().parse_args([*words, "--help"])
    return text.getvalue().startswith(f"usage: edgeward {' '.join(words)} ")


def test_commands_are_found() -> None:
    """The search finds commands in spans, blocks and lines with a prefix, but not in prose."""
    lines = ("`edgeward lists` shows", "sudo X=1 /opt/edgeward/bin/edgeward add a --wait   # now", "edgeward run &")
    text = "\n".join(lines)
    assert commands(text) == ["lists", "add a --wait", "run"]
    assert len(commands((ROOT / "README.md").read_text())) > 15


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link names an existing file and, if it has an anchor, an existing heading."""
    for link in re.findall(r"\]\(([^)]+)\)", page.read_text()):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_settings_named_exist(page: Path) -> None:
    """Every `section.key` in a code span is a setting."""
    config = load(environ={})
    sections = "|".join(name for name in type(config).model_fields if name not in ("caches", "state_dir"))
    for section, key in re.findall(rf"`({sections})\.([a-z_]+)`", page.read_text()):
        assert hasattr(getattr(config, section), key), f"{section}.{key}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_settings_shown_are_accepted(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every block of TOML is a valid settings file, if the secrets are where it says."""
    for name in re.findall(r'"env:(\w+)"', page.read_text()):
        monkeypatch.setenv(name, "0123456789abcdef")
    for number, block in enumerate(re.findall(r"```toml\n(.*?)```", page.read_text(), re.DOTALL)):
        file = tmp_path / f"{number}.toml"
        file.write_text(block)
        load(file, {})


def test_version_is_one() -> None:
    """Image tags and the changelog have the version of the package."""
    shown = [ROOT / "deploy" / "docker" / "compose.yaml", ROOT / "deploy" / "kubernetes" / "edge.yaml"]
    for page in (*shown, ROOT / "docs" / "deployment.md"):
        assert set(re.findall(r"edgeward:(\d[\w.]*)", page.read_text())) == {__version__}, page.name
    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text()


def test_every_metric_is_documented() -> None:
    """docs/metrics.md has a section for each metric, no other, with its type, its labels and its help text."""
    page = (ROOT / "docs" / "metrics.md").read_text()
    sections = dict(re.findall(r"^### (\w+)\n(.*?)(?=^#|\Z)", page, re.MULTILINE | re.DOTALL))
    assert guard_metrics.registry is metrics.registry
    registered = {registered_name(metric): metric for metric in metrics.registry._collector_to_names}
    assert sections.keys() == registered.keys()
    for name, metric in registered.items():
        assert isinstance(metric, MetricWrapperBase)
        labels = f" Label{'s'[: len(metric._labelnames) - 1]} {', '.join(f'`{each}`' for each in metric._labelnames)}."
        start = f"{str(metric._type).capitalize()}.{labels if metric._labelnames else ''} {metric._documentation}"
        assert " ".join(sections[name].split()).startswith(start), name


def registered_name(metric: object) -> str:
    """The name of a metric as Prometheus shows it."""
    assert isinstance(metric, MetricWrapperBase)
    return str(metric._name) + ("_total" if metric._type == "counter" else "")


def test_every_reason_and_alert_is_documented() -> None:
    """docs/metrics.md has each reason of a verdict and each alert."""
    page = (ROOT / "docs" / "metrics.md").read_text()
    table = "".join(re.findall(r"^\| `.*$", page, re.MULTILINE))
    assert {f"`{reason}`" for reason in Reason} <= set(re.findall(r"`\w+`", table))
    groups = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yml").read_text())["groups"]
    assert {rule["alert"] for group in groups for rule in group["rules"]} == set(
        re.findall(r"\*\*(Edgeward\w+)\*\*", page)
    )
