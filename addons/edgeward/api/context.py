"""What a handler gets from its request: the services of the application, and the caller."""

from aiohttp import web

from edgeward.access.tokens import Caller
from edgeward.imports.readings import Readings
from edgeward.operations.services import Services

SERVICES = web.AppKey("services", Services)
CALLER = web.RequestKey("caller", Caller)
READINGS = web.AppKey("readings", Readings)


def services(request: web.Request) -> Services:
    """The services that `make_app` was given."""
    return request.app[SERVICES]


def caller(request: web.Request) -> Caller:
    """Who makes the request. Set only for routes that need a role."""
    return request[CALLER]
