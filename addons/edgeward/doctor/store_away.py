"""What can be found out about a store that does not work."""

from edgeward.doctor.finding import Finding, fail, ok
from edgeward.doctor.run_file import RunFile, is_running
from edgeward.doctor.state_dir import check_state_dir
from edgeward.errors import StoreUnavailable
from edgeward.settings.config import Config
from edgeward.store import embedded
from edgeward.store.probe import ProbeStep, probe


async def check_store_away(config: Config) -> list[Finding]:
    """Why the store of these settings can't be used, one finding for each step that was tried."""
    steps = await probe(config.store_url, config.store.namespace, config.store.timeout_ms / 1000)
    findings = [_finding(step) for step in steps]
    if config.store.url == "embedded":
        findings += [_check_embedded(config), *check_state_dir(config.state_dir)]
    if not any(finding.is_failure for finding in findings):
        detail = "the store failed a moment ago, and works now"
        findings.append(fail("store", "connection", detail, "run doctor again; see the log of the store"))
    return findings


def _finding(step: ProbeStep) -> Finding:
    return fail("store", step.check, step.detail, step.fix) if step.failed else ok("store", step.check, step.detail)


def _check_embedded(config: Config) -> Finding:
    """Whether the embedded store's program is there and runs, and what it logged last."""
    try:
        program = embedded.find_server()
    except StoreUnavailable as error:
        return fail("store", "process", str(error), "install valkey-server or redis-server, or set store.url")
    run_file = RunFile.read(config.state_dir)
    logged = "; ".join(embedded.last_errors(config.state_dir))
    last = f". Its log ends with: {logged}" if logged else ""
    if run_file is None:
        detail = f"`edgeward run`, which starts the embedded store ({program.name}), does not run with this state_dir"
        return fail("store", "process", detail + last, "start it: edgeward run")
    if run_file.store is None or not is_running(run_file.store):
        return fail("store", "process", f"the embedded store ({program.name}) does not run{last}", "see the log above")
    return ok("store", "process", f"the embedded store runs (process {run_file.store}){last}")
