"""Receipts: the proof, from a real Varnish and a cache that is down."""

import html
import re
import time
from collections.abc import Sequence

import pytest
from tests.control.controllers import Api, photo, told
from tests.control.edges import HOST, Edge, with_store

from edgeward.control.receipts import Total
from edgeward.takedown.incidents import Incidents
from edgeward.takedown.purging.orders import Orders
from edgeward.types import Cause, Decision, Delivery, Incident, Outcome, PurgeOrder, Reason, Target


def taken_down(edge: Edge, path: str) -> str:
    """The id of a takedown that is done where it can be."""
    edge.serve(path, photo("brick"))
    asked = {"urls": [f"http://{HOST}{path}"], "why": "case 9"}
    takedown_id = str(edge.api.post("/takedowns", asked).json["id"])
    told(lambda: edge.api.get(f"/takedowns/{takedown_id}"), lambda receipt: receipt["summary"]["verified"] == 2)
    return takedown_id


def test_a_receipt_says_who_what_when_and_where(edge: Edge) -> None:
    """Who asked for what and when, and for every cache: how many are verified, since when, and what it still owes."""
    before = time.time()
    receipt = edge.api.get(f"/takedowns/{taken_down(edge, '/receipt.jpg')}").json
    takedown, summary = receipt["takedown"], receipt["summary"]
    assert (takedown["by"], takedown["way"], takedown["why"]) == ("local", "api", "case 9")
    assert takedown["what"] == {"urls": [f"http://{HOST}/receipt.jpg"], "prefixes": [], "hashes": []}
    assert before <= takedown["at"] <= summary["first_at"] <= summary["last_at"] <= time.time()
    assert (summary["orders"], summary["verified"], summary["delivered"]) == (2, 2, 0)
    assert summary["owed"] == {"dead": 2}
    assert summary["linger_seconds"] == pytest.approx(summary["last_at"] - takedown["at"], abs=1e-3)
    edge_node, dead = summary["nodes"]["edge"], summary["nodes"]["dead"]
    assert (edge_node["verified"], edge_node["owed"]) == (2, 0)
    assert (dead["verified"], dead["owed"], dead["first_at"], dead["linger_seconds"]) == (0, 2, None, None)
    assert {purge["url"] for purge in receipt["purges"]} == {f"{s}://{HOST}/receipt.jpg" for s in ("http", "https")}
    assert receipt["purges"][0]["outcomes"]["edge"]["delivery"] == "verified"


def test_the_orders_come_in_pages_and_the_summary_is_of_all(api: Api) -> None:
    """Each page has its orders, the cursor leads through all of them, and the summary counts them all every time."""
    asked = {"urls": [f"http://{HOST}/page/{number}" for number in range(25)]}
    takedown_id = api.post("/takedowns", asked).json["id"]
    seen, cursor, pages = [], 0, 0
    while True:
        page = api.get(f"/takedowns/{takedown_id}", limit=20, cursor=cursor).json
        assert page["summary"]["orders"] == 50
        seen += [purge["id"] for purge in page["purges"]]
        pages += 1
        if not (cursor := page["cursor"]):
            break
    assert pages == 3
    assert len(seen) == len(set(seen)) == 50


def test_a_receipt_of_many_orders_is_cheap(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of 600 orders is read once, many at a time, and those of one page once more."""
    asked = {"urls": [f"http://{HOST}/many/{number}" for number in range(300)]}
    takedown_id = api.post("/takedowns", asked).json["id"]
    of, read = Orders.of, list[int]()

    async def counted(self: Orders, ids: Sequence[str]) -> list[tuple[PurgeOrder, dict[str, Outcome]]]:
        read.append(len(ids))
        return await of(self, ids)

    monkeypatch.setattr(Orders, "of", counted)
    assert api.get(f"/takedowns/{takedown_id}", limit=50).json["summary"]["orders"] == 600
    assert sum(read) == 650
    assert len(read) <= 10


def test_a_listing_has_a_receipt(edge: Edge) -> None:
    """Listed when and by whom, in force, matched, first blocked, and gone from each cache by when."""
    body = photo("clock")
    edge.serve("/listed.jpg", body)
    edge.see("/listed.jpg", body)
    edge.api.post("/lists", {"name": "receipts"})
    asked = edge.api.post("/lists/receipts/entries", body, reason="order 17").json
    entry = next(each for each in asked["entries"] if each["type"] == "sha256")
    path = f"/entries/{entry['id']}/receipt"
    receipt = told(lambda: edge.api.get(path), lambda it: it["matched"] and it["summary"]["verified"])
    assert receipt["entry"] == entry
    assert (receipt["active"], receipt["waiting_for"], receipt["matched"]) == (True, [], True)
    assert receipt["first_blocked"] is None
    assert receipt["summary"]["nodes"]["edge"]["verified"] == receipt["summary"]["orders"] == 1
    assert receipt["summary"]["owed"] == {"dead": 1}
    assert receipt["summary"]["first_at"] > entry["added_at"]
    met = [_incident(entry["id"], entry["added_at"] + seconds) for seconds in (1, 2)]
    with_store(edge.config, lambda store: Incidents(store).add(met))
    assert edge.api.get(path).json["first_blocked"]["at"] == entry["added_at"] + 1


def _incident(entry_id: str, at: float) -> Incident:
    target = Target("http", HOST, "/listed.jpg")
    return Incident(at, Decision.BLOCK, Reason.MATCH, target, "ab" * 32, "receipts", entry_id, "sha256", 0)


def test_an_order_met_in_transit_is_in_the_receipt(edge: Edge) -> None:
    """Whatever was ordered out for an entry belongs to its receipt, not only what it was matched backwards against."""
    edge.api.post("/lists", {"name": "transit"})
    (entry,) = edge.api.post("/lists/transit/entries", {"hashes": ["md5:" + "6" * 32]}).json["entries"]
    order = PurgeOrder(Target("http", HOST, "/met.jpg"), Cause.MATCH, time.time(), entry_id=entry["id"])
    (order_id,) = with_store(edge.config, lambda store: Orders(store).place([order]))
    receipt = edge.api.get(f"/entries/{entry['id']}/receipt").json
    assert [purge["id"] for purge in receipt["purges"]] == [order_id]


def test_what_is_not_there_has_no_receipt(api: Api) -> None:
    """404 that names it."""
    for path in ("/takedowns/td-none", "/entries/0123/receipt"):
        answer = api.get(path)
        assert answer.status == 404
        assert path.split("/")[2] in answer.json["detail"]


@pytest.mark.parametrize("accept", ["text/html", "text/html,application/xhtml+xml;q=0.9"])
def test_a_browser_gets_a_page(edge: Edge, accept: str) -> None:
    """The same receipt as HTML that runs no script and loads nothing, whatever a URL holds."""
    asked = {"urls": [f"http://{HOST}/\"><script>alert(1)</script>?\xe9='"], "why": "<b>"}
    takedown_id = edge.api.post("/takedowns", asked).json["id"]
    answer = edge.api.ask("GET", f"/takedowns/{takedown_id}", headers={"Accept": accept})
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    page = answer.body.decode()
    assert takedown_id in page
    assert "<script" not in page
    assert "<b>" not in page
    assert "<script>alert(1)</script>?\\xe9='" in html.unescape(re.sub("<style>.*?</style>", "", page, flags=re.DOTALL))


def test_a_program_gets_json(edge: Edge) -> None:
    """Without a wish for HTML, or with one for JSON too, it is JSON."""
    takedown_id = edge.api.post("/takedowns", {"urls": [f"http://{HOST}/json"]}).json["id"]
    for accept in ("*/*", "application/json", "application/json, text/html;q=0.1"):
        answer = edge.api.ask("GET", f"/takedowns/{takedown_id}", headers={"Accept": accept})
        assert answer.headers["Content-Type"].startswith("application/json")


def _order(age: float) -> PurgeOrder:
    at = time.time() - age
    return PurgeOrder(Target("http", HOST, "/"), Cause.TAKEDOWN, at, id=f"{int(at * 1000)}-0")


@pytest.mark.parametrize(
    ("deliveries", "age", "settled", "state"),
    [
        ({"a": Delivery.VERIFIED, "b": Delivery.DELIVERED}, 1, True, "gone"),
        ({"a": Delivery.VERIFIED, "b": Delivery.DELIVERED}, 1, False, "placing"),
        ({"a": Delivery.VERIFIED}, 1, True, "purging"),
        ({"a": Delivery.VERIFIED, "b": Delivery.WAITING}, 1, True, "purging"),
        ({"a": Delivery.VERIFIED}, 60, True, "owed"),
        ({"a": Delivery.VERIFIED, "b": Delivery.REFUSED}, 60, True, "refused"),
        ({"a": Delivery.REFUSED}, 60, True, "owed"),
    ],
)
def test_the_state_follows_the_caches(deliveries: dict[str, Delivery], age: float, settled: bool, state: str) -> None:
    """Gone only when every cache has done it; what a cache refuses, or is too long away for, is said."""
    order = _order(age)
    outcomes = {name: Outcome(order.id, name, each, time.time()) for name, each in deliveries.items()}
    total = Total(["a", "b"])
    total.add(order, outcomes)
    assert total.view(settled)["state"] == state


def test_a_cache_that_was_removed_owes_nothing() -> None:
    """What it did is in the receipt; what it did not is nobody's debt."""
    done, undone = _order(60), _order(50)
    total = Total(["a"])
    for order, deliveries in ((done, {"a", "old"}), (undone, {"a"})):
        total.add(order, {name: Outcome(order.id, name, Delivery.VERIFIED, time.time()) for name in deliveries})
    view = total.view(settled=True)
    assert (view["state"], view["owed"], view["nodes"]["old"]["verified"]) == ("gone", {}, 1)


def test_nothing_to_purge_is_gone() -> None:
    """A takedown of what nobody has seen is done."""
    assert Total(["a"]).view(settled=True)["state"] == "gone"
