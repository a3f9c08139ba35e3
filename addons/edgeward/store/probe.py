"""Finds out why the store does not work: address, port, TLS, login, role, disk, memory, one after the other."""

import asyncio
import os
import socket
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis import exceptions
from redis.asyncio.connection import parse_url

from edgeward.errors import ConfigError, StoreUnavailable
from edgeward.store.condition import problems_of
from edgeward.store.connection import Store
from edgeward.store.server import TemporaryError
from edgeward.store.store_address import StoreAddress, StoreKind, hide_password, parse_address

PROBE_MS = 1000
"""How long the key that tests writing lives."""


@dataclass(frozen=True, slots=True)
class ProbeStep:
    """What one step has found. `fix` is "" if it went well."""

    check: str
    detail: str
    fix: str = ""

    @property
    def failed(self) -> bool:
        return bool(self.fix)


async def probe(url: str, namespace: str, timeout: float) -> list[ProbeStep]:
    """Try each step towards the store at `url`, up to the first that fails.

    Args:
        timeout: seconds for each step.
    """
    try:
        address = parse_address(url)
    except ValueError as error:
        return [ProbeStep("address", f"store.url {hide_password(url)}: {error}", "correct store.url")]
    steps = await _reach(address, timeout)
    if all(step.failed for step in steps):
        return steps
    return [*steps, *await _converse(url, namespace, timeout)]


async def _reach(address: StoreAddress, timeout: float) -> list[ProbeStep]:
    """Whether each host of the address can be connected to."""
    if address.kind is not StoreKind.SERVER:
        return list(await asyncio.gather(*(_connect(host, port, timeout) for host, port in address.hosts)))
    options = parse_url(address.url)
    if "path" in options:
        return [await _connect_socket(Path(str(options["path"])), timeout)]
    return [await _connect(str(options.get("host", "localhost")), int(options.get("port", 6379)), timeout)]


async def _connect_socket(path: Path, timeout: float) -> ProbeStep:
    """A Unix socket: is it there, may this user use it, does a server listen on it?"""
    if problem := _socket_problem(path):
        return problem
    try:
        async with asyncio.timeout(timeout):
            _, writer = await asyncio.open_unix_connection(path)
    except PermissionError:
        who = f"user id {os.geteuid()}"
        return ProbeStep("address", f"{who} may not use the socket {path}", "run as its owner, or change its mode")
    except TimeoutError:
        return ProbeStep("connection", f"the server at {path} does not accept connections", "see the store's log")
    except OSError as error:
        detail = f"no server listens on the socket {path} ({error.strerror})"
        return ProbeStep("connection", detail, "start the store; its log says why it ended")
    writer.close()
    return ProbeStep("connection", f"a server listens on {path}")


def _socket_problem(path: Path) -> ProbeStep | None:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return ProbeStep("address", f"the socket {path} does not exist", "start the store, or correct store.url")
    except OSError as error:
        return ProbeStep("address", f"the socket {path}: {error.strerror}", "check the permissions of its directory")
    return None if stat.S_ISSOCK(mode) else ProbeStep("address", f"{path} is not a socket", "correct store.url")


async def _connect(host: str, port: int, timeout: float) -> ProbeStep:
    where = f"{host}:{port}"
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout):
            await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (TimeoutError, socket.gaierror, UnicodeError) as error:
        detail = f"the name {host} does not resolve (DNS: {getattr(error, 'strerror', None) or error})"
        return ProbeStep("address", detail, "correct store.url, or the name server of this machine")
    try:
        async with asyncio.timeout(timeout):
            _, writer = await asyncio.open_connection(host, port)
    except TimeoutError:
        detail = f"{where} does not answer within {timeout:g} s (time-out)"
        return ProbeStep("connection", detail, "check firewalls between this machine and the store")
    except OSError as error:
        detail = f"{where}: {os.strerror(error.errno).lower() if error.errno else error}"
        return ProbeStep("connection", detail, "start the store there, or correct store.url")
    writer.close()
    return ProbeStep("connection", f"{where} accepts connections")


async def _converse(url: str, namespace: str, timeout: float) -> list[ProbeStep]:
    """Commands as Edgeward sends them: who this is, what the server is, reading, writing."""
    store = Store(url, namespace, int(timeout * 1000), replicas=0)
    steps: list[ProbeStep] = []
    try:
        info = await _info(store)
        steps.append(ProbeStep("login", f"the server accepts this login (version {info.get('redis_version')})"))
        problems = problems_of(info)
        steps += [ProbeStep(problem.check, problem.detail, problem.fix) for problem in problems]
        if int(info.get("cluster_enabled", 0)) and parse_address(url).kind is not StoreKind.CLUSTER:
            steps.append(
                ProbeStep("address", "this is a node of a cluster", "write redis+cluster://HOST:PORT,HOST:PORT")
            )
            return steps
        await store.redis.get(store.key("{blocklist}", "version"))
        await store.redis.set(store.key("{blocklist}", "doctor"), "1", px=PROBE_MS)
        await store.run("return redis.call('EXISTS', KEYS[1])", [store.key("{blocklist}", "doctor")])
        steps.append(ProbeStep("commands", "reading, writing and scripts work"))
    except (exceptions.RedisError, StoreUnavailable, ConfigError, OSError, TimeoutError) as error:
        steps.append(_explain(error, tls=url.startswith("rediss")))
    finally:
        await store.close()
    return steps


async def _info(store: Store) -> dict[str, Any]:
    await store.redis.ping()
    return await store.info()


_EXPLANATIONS: tuple[tuple[str, str, str, str], ...] = (
    ("WRONGPASS", "login", "the server refuses this user or password", "correct the user and password in store.url"),
    ("INVALID USERNAME", "login", "the server refuses this user or password", "correct the login in store.url"),
    ("INVALID PASSWORD", "login", "the server refuses this password", "correct the password in store.url"),
    ("WITHOUT ANY PASSWORD", "login", "store.url has a password, and the server has none", "take it out of store.url"),
    ("NOAUTH", "login", "the server wants a password, and store.url has none", "write redis://:PASSWORD@HOST:PORT"),
    ("AUTHENTICATION REQUIRED", "login", "the server wants a password, and store.url has none",
     "write redis://:PASSWORD@HOST:PORT"),
    ("NOPERM", "permissions", "this user may not use a command or key that Edgeward needs",
     "allow the user all commands on its keys (ACL SETUSER), see docs/deployment.md"),
    ("NO PERMISSIONS", "permissions", "this user may not use a command or key that Edgeward needs",
     "allow the user all commands on its keys (ACL SETUSER), see docs/deployment.md"),
    ("CERTIFICATE HAS EXPIRED", "tls", "the server's certificate has expired", "give the server a new one"),
    ("CERTIFICATE REQUIRED", "tls", "the server wants a certificate of this client",
     "write ?ssl_certfile=FILE&ssl_keyfile=FILE at the end of store.url"),
    ("SELF-SIGNED", "tls", "the server's certificate is signed by nobody that ssl_ca_certs names",
     "write ?ssl_ca_certs=FILE at the end of store.url, with the certificate of who signed it"),
    ("SELF SIGNED", "tls", "the server's certificate is signed by nobody that ssl_ca_certs names",
     "write ?ssl_ca_certs=FILE at the end of store.url, with the certificate of who signed it"),
    ("UNABLE TO GET LOCAL ISSUER", "tls", "the server's certificate is signed by nobody that ssl_ca_certs names",
     "write ?ssl_ca_certs=FILE at the end of store.url, with the certificate of who signed it"),
    ("CERTIFICATE", "tls", "the server's certificate is not valid for store.url", "give ssl_ca_certs, or correct it"),
    ("WRONG_VERSION_NUMBER", "tls", "the server does not speak TLS", "write redis:// and not rediss://"),
    ("RECORD_LAYER", "tls", "the server does not speak TLS", "write redis:// and not rediss://"),
    ("SSL", "tls", "the TLS handshake failed", "check both certificates, and rediss:// in store.url"),
    ("LOADING", "loading", "the store is loading its data", "wait until it has; its log says how far it is"),
    ("MISCONF", "disk", "the store can't save to its disk and refuses changes",
     "free space on its disk, and check the permissions of its directory (CONFIG GET dir)"),
    ("ERRORS WRITING TO THE AOF", "disk", "the store can't write its append-only file and refuses changes",
     "free space on its disk, and check the permissions of its directory (CONFIG GET dir)"),
    ("SAVE RDB SNAPSHOTS", "disk", "the store can't save to its disk and refuses changes",
     "free space on its disk, and check the permissions of its directory (CONFIG GET dir)"),
    ("READONLY", "role", "this server is a replica: it refuses changes", "set store.url to the master"),
    ("READ ONLY", "role", "this server is a replica: it refuses changes", "set store.url to the master"),
    ("MAXMEMORY", "memory", "the store is full and refuses changes", "raise maxmemory, or lower sightings.keep_days"),
    ("NOREPLICAS", "replication", "the store has too few replicas and refuses changes", "bring the replicas back"),
    ("GOOD REPLICAS", "replication", "the store has too few replicas and refuses changes", "bring the replicas back"),
    ("DB INDEX", "address", "the server has no such database", "correct the number at the end of store.url"),
    ("NO MASTER FOUND", "sentinel", "the sentinels know no master of this name",
     "correct the service at the end of store.url, and check the sentinels (SENTINEL masters)"),
    ("CLUSTERDOWN", "cluster", "the cluster is down: it has slots without a master", "see CLUSTER INFO of a node"),
    ("CLUSTER MODE IS NOT ENABLED", "address", "this server is no cluster", "write redis:// in store.url"),
    ("CLUSTER SUPPORT DISABLED", "address", "this server is no cluster", "write redis:// in store.url"),
    ("CLOSED BY SERVER", "connection", "the server closes the connection at once", "does it expect TLS (rediss://)?"),
    ("CONNECTION RESET", "connection", "the server closes the connection at once", "does it expect TLS (rediss://)?"),
    ("PROTOCOL ERROR", "address", "what answers there is no Redis", "correct store.url"),
    ("BUSY", "busy", "a script has been running for seconds", "see SLOWLOG of the server"),
)  # fmt: skip
"""Part of an error's message in upper case; the step that it is about; what it means; what to do."""


def _explain(error: Exception, tls: bool) -> ProbeStep:
    """The meaning of an error. Its own message is not shown where it may hold keys."""
    text = f"{type(error).__name__} {error} {error.__cause__ or ''}".upper()
    if tls and any(part in text for part in ("CLOSED BY SERVER", "CONNECTION RESET")):
        fix = "if it wants a certificate of this client: ?ssl_certfile=FILE&ssl_keyfile=FILE at the end of store.url"
        return ProbeStep("tls", "the server ends the connection after the TLS handshake", fix)
    for part, check, detail, fix in _EXPLANATIONS:
        if part in text:
            return ProbeStep(check, detail, fix)
    if _is_timeout(error) and tls:
        detail = "the server does not answer the TLS handshake: it hangs, or does not speak TLS"
        return ProbeStep("tls", detail, "write redis:// and not rediss:// if it has no TLS")
    if _is_timeout(error):
        return ProbeStep("connection", "the server accepts connections, but does not answer", "see the store's log")
    if isinstance(error, exceptions.InvalidResponse):
        return ProbeStep("address", "what answers there is no Redis", "correct store.url")
    if isinstance(error, TemporaryError):
        return ProbeStep("commands", f"the server can't take commands now: {str(error).split(' ')[0]}", "see its log")
    return ProbeStep("commands", f"the server refuses a command ({type(error).__name__}: {error})", "see its log")


def _is_timeout(error: BaseException) -> bool:
    """Whether an error is a time-out, or was raised because of one: redis-py does so for a Unix socket."""
    if isinstance(error, exceptions.TimeoutError | TimeoutError):
        return True
    return error.__cause__ is not None and _is_timeout(error.__cause__)
