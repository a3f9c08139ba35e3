"""Checks the sources of lists: whether each was pulled lately."""

from edgeward.doctor.finding import Finding, fail, ok, warn
from edgeward.operations.services import Services
from edgeward.quantities import counted
from edgeward.sources.source_reports import SourceReport, reports

HOUR_SECONDS = 3600.0


async def check_sources(services: Services) -> list[Finding]:
    """One finding on each source that has a problem, or one on all. None without sources."""
    found = await reports(services)
    problems = [finding for each in found if (finding := _check(each))]
    if problems or not found:
        return problems
    return [ok("lists", "sources", f"{counted(len(found), 'source')} pulled lately")]


def _check(report: SourceReport) -> Finding | None:
    name = f"the source {report.name!r}"
    look = f"edgeward sources --source {report.name}"
    if report.held:
        return warn("lists", "sources", f"{name}: its import is {report.word}", f"decide on {report.state.job}")
    age = f"{report.age / HOUR_SECONDS:.1f} hours"
    if report.stale:
        why = f": {report.state.error}" if report.state.error else ""
        return fail("lists", "sources", f"{name} was not pulled well for {age}{why}", f"mend what {look} shows")
    if report.state.failures:
        times = counted(report.state.failures, "time")
        return warn("lists", "sources", f"{name} failed {times}: {report.state.error}", f"mend what {look} shows")
    if report.state.problems:
        what = counted(len(report.state.problems), "problem")
        return warn("lists", "sources", f"{name} left something out: {what}, {report.state.problems[0]}", look)
    return None
