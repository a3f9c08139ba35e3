"""What a client gets, by a real `edgeward run`, and which step fails."""

import asyncio
import functools
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.controllers import settings
from tests.support.programs import free_port, require

from edgeward.demo.caches import Varnish
from edgeward.demo.edge import Edge, free_address
from edgeward.demo.origin import Origin
from edgeward.doctor import client_path
from edgeward.doctor.client_path import check_client_path, check_origins
from edgeward.doctor.finding import Finding, Health
from edgeward.doctor.own_answer import answers_by_itself
from edgeward.doctor.reachability import reach
from edgeward.settings.config import Config
from edgeward.types import Target


def by_check(findings: list[Finding]) -> dict[tuple[str, str], Finding]:
    return {(each.about, each.check): each for each in findings}


def asked(edge: Edge, **body: object) -> dict[tuple[str, str], dict[str, Any]]:
    """The findings of the doctor, through the API."""
    answer = edge.api("POST", "/doctor", body)
    return {(each["about"], each["check"]): each for each in answer["findings"]}


@pytest.fixture
def lonely(tmp_path: Path) -> Iterator[Edge]:
    """Edgeward with two workers and an upstream where nothing listens."""
    require("redis-server")
    proxy = {"upstream": f"http://{free_address()}", "workers": 2}
    with Edge(tmp_path, {"proxy": proxy, "hashing": {"processes": 1}}) as running:
        yield running


def test_an_upstream_where_nothing_listens_is_a_failure(lonely: Edge) -> None:
    """Both findings: which step fails and why, and what clients get. A worker answers by itself all the while."""
    assert asyncio.run(answers_by_itself(f"http://{lonely.proxy}", 20.0))
    found = asked(lonely)
    assert (found["proxy", "upstream"]["health"], found["proxy", "client"]["health"]) == ("fail", "fail")
    assert "connection refused" in found["proxy", "upstream"]["detail"]
    assert "8 of 8 requests through the proxy get 502" in found["proxy", "client"]["detail"]


async def test_without_a_proxy_on_this_machine_it_is_skipped(tmp_path: Path) -> None:
    """A controller's machine may have none."""
    config = settings("unix:///unused", tmp_path, proxy={"listen": f"127.0.0.1:{free_port()}"})
    (finding,) = await check_client_path(config, None)
    assert finding.health is Health.SKIPPED


async def test_a_cache_that_does_not_reach_edgeward_is_told_apart(tmp_path: Path) -> None:
    """In fill: the origin answers, the proxy answers, and the cache answers 503."""
    with Origin() as origin, Origin() as proxy, Origin() as cache:
        cache.put("/a", b"no backend", "text/plain", status=503)
        proxy.put("/a", b"x", "text/plain")
        origin.put("/a", b"x", "text/plain")
        caches = [{"name": "c", "driver": "varnish", "url": f"http://{cache.address}"}]
        proxied = {"listen": proxy.address, "upstream": f"http://{origin.address}", "placement": "fill"}
        config = settings("unix:///unused", tmp_path, proxy=proxied, caches=caches)
        found = by_check(await check_client_path(config, Target("http", "img.test", "/a")))
    assert found["proxy", "client"].health is Health.OK
    assert found["c", "client"].health is Health.FAIL
    assert "does not reach Edgeward" in found["c", "client"].detail


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """What never answers is waited for briefly."""
    monkeypatch.setattr(client_path, "TIMEOUT_SECONDS", 1.0)
    monkeypatch.setattr(client_path, "reach", functools.partial(reach, timeout=1.0))


async def test_an_origin_that_hangs_is_told_from_the_cache_and_the_proxy(brief: None, tmp_path: Path) -> None:
    """The cache and the proxy answer what they can answer by themselves: neither their ports nor they are at fault."""
    require("varnishd")
    with (
        socket.create_server(("127.0.0.1", 0)) as origin,
        Varnish(tmp_path / "cache", origin.getsockname()) as cache,
        Varnish(tmp_path / "proxy", cache.address) as proxy,
    ):
        proxied = {"listen": proxy.url.removeprefix("http://"), "upstream": cache.url, "placement": "front"}
        found = by_check(await check_client_path(settings("unix:///unused", tmp_path, proxy=proxied), None))
    upstream, client = found["proxy", "upstream"], found["proxy", "client"]
    assert "what is behind it (the origin) does not answer" in upstream.detail
    assert "origin hangs" in upstream.fix and "port" not in upstream.fix
    assert "its workers answer by themselves: nor does its upstream" in client.detail
    assert client.fix == "see the finding on the upstream"
    assert (upstream.health, client.health) == (Health.FAIL, Health.FAIL)


async def test_an_origin_that_is_down_is_to_be_started(tmp_path: Path) -> None:
    """Also if it was asked for an invented path, so that it is a warning."""
    with Origin() as origin, Origin() as proxy:
        for each in (origin, proxy):
            each.put("/a", b"down", "text/plain", status=503)
        proxied = {"listen": proxy.address, "upstream": f"http://{origin.address}", "placement": "front"}
        config = settings("unix:///unused", tmp_path, proxy=proxied)
        client = by_check(await check_client_path(config, Target("http", "img.test", "/a")))["proxy", "client"]
    assert client.health is Health.FAIL
    assert "503" in client.detail and "start it" in client.fix and "--url" not in client.fix


async def test_a_frozen_worker_is_named(brief: None, tmp_path: Path) -> None:
    """It accepts connections and answers nothing, while the upstream answers; not "on the proxy's machine"."""
    with Origin() as origin, socket.create_server(("127.0.0.1", 0)) as frozen:
        listen = f"127.0.0.1:{frozen.getsockname()[1]}"
        proxied = {"listen": listen, "upstream": f"http://{origin.address}", "workers": 1}
        found = by_check(await check_client_path(settings("unix:///unused", tmp_path, proxy=proxied), None))
    client = found["proxy", "client"]
    assert client.health is Health.FAIL
    assert "4 of 4 connections to the proxy" in client.detail and "a worker is frozen" in client.detail
    assert "kill -CONT" in client.fix


async def test_origins_of_hosts_are_asked(tmp_path: Path) -> None:
    """Each by its name: removals at an origin that can't be reached are not noticed. Not if the origin check is off."""
    with Origin() as origin:
        hosts = [
            {"name": "good.test", "origin": f"http://{origin.address}"},
            {"name": "bad.test", "origin": f"http://{free_address()}"},
        ]
        config: Config = settings("unix:///unused", tmp_path, hosts=hosts)
        found = by_check(await check_origins(config))
        off = settings("unix:///unused", tmp_path, hosts=hosts, sweep={"enabled": False})
        assert await check_origins(off) == []
    assert found["hosts", "good.test"].health is Health.OK
    assert found["hosts", "bad.test"].health is Health.FAIL


async def test_a_cache_behind_the_upstream_is_told(tmp_path: Path) -> None:
    """By a header of it, also where it has stored only what clients ask for; not if a section of the settings is of the
    same host."""
    path, target = "/strict.txt?v=1", Target("http", "img.test", "/strict.txt?v=1")
    with Origin() as origin, Origin() as proxy:
        proxy.put(path, b"x", "text/plain")
        origin.put(path, b"x", "text/plain", headers=[("X-Cache", "HIT from edge")])
        proxied = {"listen": proxy.address, "upstream": f"http://{origin.address}", "placement": "fill"}
        for url, is_told in (("http://elsewhere.test", True), (f"http://{origin.address}", False)):
            caches = [{"name": "c", "driver": "nginx", "url": url}]
            config = settings("unix:///unused", tmp_path, proxy=proxied, caches=caches)
            found = by_check(await check_client_path(config, target))
            assert found["proxy", "upstream"].health is Health.OK
            assert (("proxy", "upstream cache") in found) is is_told
            if is_told:
                finding = found["proxy", "upstream cache"]
                assert finding.health is Health.WARN
                assert "(X-Cache: HIT from edge)" in finding.detail and "[[caches]]" in finding.fix
