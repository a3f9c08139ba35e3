"""What a handler gets from its request."""

from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from edgeward.access.tokens import Caller
from edgeward.api import context
from edgeward.operations.services import Services
from edgeward.types import Role


def test_a_request_leads_to_the_services_and_the_caller() -> None:
    """Each under its own key: two values under one key would hide each other."""
    services, caller = object.__new__(Services), Caller("ana", Role.VIEWER)
    app = web.Application()
    app[context.SERVICES] = services
    request = make_mocked_request("GET", "/", app=app)
    request[context.CALLER] = caller
    assert context.services(request) is services
    assert context.caller(request) is caller
    assert str(context.SERVICES) != str(context.CALLER)
