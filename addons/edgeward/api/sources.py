"""Sources: lists that come by themselves."""

from dataclasses import asdict
from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from edgeward.api import context, requests, serializers
from edgeward.api.serializers import Json
from edgeward.sources import feedback_requests, source_reports
from edgeward.sources.feedback import Decided
from edgeward.sources.source_reports import SourceReport
from edgeward.sources.source_states import PullRequest


class PullBody(BaseModel):
    """`anew`: forget where the last pull ended, and pull all."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    allow_large_removal: bool = False
    anew: bool = False
    why: Annotated[str, Field(max_length=2000)] = ""


class FeedbackBody(BaseModel):
    """`decided`: what the entry turned out to be."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    decided: Decided
    why: Annotated[str, Field(max_length=2000)] = ""


async def index(request: web.Request) -> web.Response:
    """GET /sources"""
    requests.parse_query(request, requests.NoQuery)
    found = await source_reports.reports(context.services(request))
    return web.json_response({"sources": [source(each) for each in found]})


async def pull(request: web.Request) -> web.Response:
    """POST /sources/{name}/pulls"""
    requests.parse_query(request, requests.NoQuery)
    body = await requests.parse_body(request, PullBody)
    services, name = context.services(request), request.match_info["name"]
    asked = PullRequest(context.caller(request).name, body.allow_large_removal, body.anew)
    at = await source_reports.ask(services, name, asked, body.why)
    return web.json_response({"source": name, "asked_at": at}, status=202)


async def report(request: web.Request) -> web.Response:
    """POST /entries/{id}/feedback: to the programme that listed the entry. Answers once it is recorded."""
    requests.parse_query(request, requests.NoQuery)
    body = await requests.parse_body(request, FeedbackBody)
    services, who, entry_id = context.services(request), context.caller(request).name, request.match_info["id"]
    name, entry = await feedback_requests.report(services, entry_id, body.decided, who, body.why)
    answer = {"source": name, "decided": body.decided, "entry": serializers.entry(entry)}
    return web.json_response(answer, status=202)


def source(value: SourceReport) -> Json:
    """A source as JSON. docs/api.md describes each key."""
    state = value.state
    return {
        "name": value.name,
        "kind": value.kind,
        "list": value.list,
        "place": value.place,
        "state": value.word,
        "held": value.held,
        "age": round(value.age, 3),
        "stale": value.stale,
        "controller": value.controller,
        "pulled_at": state.pulled_at,
        "good_at": state.good_at,
        "changed_at": state.changed_at,
        "next_at": state.next_at,
        "failures": state.failures,
        "error": state.error,
        "problems": list(state.problems),
        "job": state.job,
        "last_job": state.last_job,
        "total": state.total,
        "added": state.added,
        "withdrawn": state.withdrawn,
        "bad": state.bad,
        **({"feedback": asdict(value.feedback)} if value.feedback else {}),
    }
