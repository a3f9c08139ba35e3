"""Responses with unusual Vary, through each real cache in both placements: after a listing whose answer says that its
images are gone, no client gets one, also not after a fetch that writes the cache's record of Vary anew.
"""

import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hashlib import sha256

from tests.unknown_copies.shared_site import SharedSite
from tests.unknown_copies.site import LIST, Site
from tests.unknown_copies.varying import VARIES, VaryingResources, image

type Headers = tuple[tuple[bytes, bytes], ...]

CLIENTS: dict[str, Headers] = {
    "A": ((b"Accept", b"image/webp,*/*"), (b"X-Odd", b"1"), (b"Cookie", b"a=b"), (b"User-Agent", b"u"), (b"X-1", b"v")),
    "B": ((b"Accept", b"*/*"),),
    "C": ((b"Accept", b"*/*"), (b"X-Odd", b""), (b"X-Odd", b"z\xe9z"), (b"X-Forwarded-For", b"192.0.2.7")),
    "D": ((b"Accept", b"*/*"), (b"X-Odd", b"1"), (b"X-Odd", b"2"), (b"Authorization", b"Basic YTpi"),
          (b"Cookie", b"c=1"), (b"Cookie", b"d=2")),
}  # fmt: skip
LATER: Headers = ((b"Accept", b"image/png"), (b"X-Odd", b"later"))
NONE_LEFT = {"gone", "found_nothing", "nothing", "accepted"}
NAMES_AT_ONCE = 8


def get(address: tuple[str, int], name: str, client: str, headers: Headers) -> bytes:
    """The response to one client, byte for byte."""
    fields = b"".join(b"%b: %b\r\n" % field for field in headers)
    head = f"GET /{name} HTTP/1.1\r\nHost: photos.example\r\nX-Client: {client}\r\n".encode()
    with socket.create_connection(address, timeout=60) as connection:
        connection.sendall(head + fields + b"Connection: close\r\n\r\n")
        return b"".join(iter(lambda: connection.recv(65536), b""))


def cached(site: Site, name: str) -> set[str]:
    """The clients that get a listed image of this name from the cache itself."""
    found = set[str]()
    for client, headers in CLIENTS.items():
        answer = get(site.cache.address, name, client, headers)
        if any(image(name, each) in answer for each in CLIENTS):
            found.add(client)
    return found


def ask_as_each_client(site: Site, name: str) -> None:
    for client, headers in CLIENTS.items():
        get(site.client_address, name, client, headers)


def cached_after_a_listing(site: Site, varying: VaryingResources, name: str) -> tuple[str, set[str]]:
    """List all images of this name. Returns what the answer says of their copies, and the clients that get one of them
    when the cache has at once written its record of Vary anew."""
    hashes = [f"sha256:{sha256(image(name, client)).hexdigest()}" for client in CLIENTS]
    listed = site.edge.api("POST", f"/lists/{LIST}/entries?wait=verified&timeout=20", {"hashes": hashes})
    varying.emptied.discard(name)
    get(site.cache.address, name, "later", LATER)
    varying.emptied.add(name)
    return listed["purge"]["state"], cached(site, name)


# Before the random sequences on the same site: what these leave pending may hide a copy, and the answers would say so.
def test_no_variant_is_left_that_is_said_to_be_gone(shared: SharedSite) -> None:
    """Whatever Vary names. Where a cache cannot be asked for a variant, the answer does not say that it is gone."""
    site, varying = shared.site, shared.varying
    with ThreadPoolExecutor(NAMES_AT_ONCE) as pool:
        list(pool.map(partial(ask_as_each_client, site), VARIES))
        varying.emptied.update(VARIES)
        stored = {name for name, found in zip(VARIES, pool.map(partial(cached, site), VARIES), strict=True) if found}
        assert {"none", "host", "cookie", "fields"} <= stored
        found = dict(zip(VARIES, pool.map(partial(cached_after_a_listing, site, varying), VARIES), strict=True))
        assert {name: each for name, each in found.items() if each[1] and each[0] in NONE_LEFT} == {}
        states = {name: state for name, (state, _) in found.items()}
        # These every cache can be purged of, and the answer must say so.
        usual = {"none", "fields", "repeated", "four", "cookie", "user-agent", "tabs", "commas", "host"}
        assert {states[name] for name in usual & stored} == {"gone"}
        if site.cache.driver != "squid":
            assert set(states.values()) <= {"gone", "found_nothing", "nothing"}
