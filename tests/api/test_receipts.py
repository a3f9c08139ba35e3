"""Receipts through the API, of a real Varnish and a cache that is down."""

import html
import re
import time
from collections.abc import Sequence

import pytest
from tests.support.controllers import Api, ask_until, photo
from tests.support.edges import HOST, Edge, with_store
from tests.support.eventually import until

from edgeward.incidents import Incidents
from edgeward.purging.orders import Orders
from edgeward.store.shared_time import CORRECTED_SECONDS
from edgeward.types import Cause, Decision, Incident, Outcome, PurgeOrder, Reason, Target


def taken_down(edge: Edge, path: str) -> str:
    """The id of a takedown that every reachable cache has carried out."""
    edge.serve(path, photo("brick"))
    asked = {"urls": [f"http://{HOST}{path}"], "why": "case 9"}
    takedown_id = str(edge.api.post("/takedowns", asked).json["id"])
    ask_until(lambda: edge.api.get(f"/takedowns/{takedown_id}"), lambda receipt: receipt["summary"]["verified"] == 2)
    return takedown_id


def test_a_receipt_says_who_what_when_and_where(edge: Edge) -> None:
    """Who asked for what and when; and for each cache, how many orders are verified, when, and what it owes."""
    before = time.time()
    receipt = edge.api.get(f"/takedowns/{taken_down(edge, '/receipt.jpg')}").json
    takedown, summary = receipt["takedown"], receipt["summary"]
    assert (takedown["by"], takedown["way"], takedown["why"]) == ("local", "api", "case 9")
    assert takedown["what"] == {"urls": [f"http://{HOST}/receipt.jpg"], "prefixes": [], "hashes": []}
    # By the store's clock, which processes know to within the time that an answer took.
    assert before - CORRECTED_SECONDS <= takedown["at"] <= summary["first_at"] <= summary["last_at"]
    assert summary["last_at"] <= time.time() + CORRECTED_SECONDS
    assert (summary["orders"], summary["verified"], summary["delivered"]) == (2, 2, 0)
    assert summary["owed"] == {"dead": 2}
    assert summary["linger_seconds"] == pytest.approx(summary["last_at"] - takedown["at"], abs=1e-3)
    edge_node, dead = summary["nodes"]["edge"], summary["nodes"]["dead"]
    assert (edge_node["verified"], edge_node["owed"]) == (2, 0)
    assert (dead["verified"], dead["owed"], dead["first_at"], dead["linger_seconds"]) == (0, 2, None, None)
    assert {purge["url"] for purge in receipt["purges"]} == {f"{s}://{HOST}/receipt.jpg" for s in ("http", "https")}
    assert receipt["purges"][0]["outcomes"]["edge"]["delivery"] == "verified"


def test_the_orders_come_in_pages_and_the_summary_is_of_all(api: Api) -> None:
    """The cursor leads through all orders, and the summary of each page counts all of them."""
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


def test_a_receipt_of_many_orders_needs_few_reads(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of 600 orders is read once, in batches, and those of the page once more."""
    asked = {"urls": [f"http://{HOST}/many/{number}" for number in range(300)]}
    takedown = api.post("/takedowns", asked).json
    takedown_id = takedown["id"]
    # A takedown's own steps read orders too.
    until(lambda: api.get(f"/takedowns/{takedown_id}", limit=1).json["summary"]["state"] != "placing")
    placed = set(takedown["order_ids"])
    assert len(placed) == 600
    of, read = Orders.get_many, list[int]()

    async def counted(self: Orders, ids: Sequence[str]) -> list[tuple[PurgeOrder, dict[str, Outcome]]]:
        if placed.intersection(ids):  # other controllers of this process read orders of their own
            read.append(len(ids))
        return await of(self, ids)

    monkeypatch.setattr(Orders, "get_many", counted)
    assert api.get(f"/takedowns/{takedown_id}", limit=50).json["summary"]["orders"] == 600
    assert sum(read) == 650
    assert len(read) <= 10


def test_a_listing_has_a_receipt(edge: Edge) -> None:
    """Listed when and by whom, active, matched, first blocked when, and gone from each cache when."""
    body = photo("clock")
    edge.serve("/listed.jpg", body)
    edge.see("/listed.jpg", body)
    edge.api.post("/lists", {"name": "receipts"})
    asked = edge.api.post("/lists/receipts/entries", body, reason="order 17").json
    entry = next(each for each in asked["entries"] if each["type"] == "sha256")
    path = f"/entries/{entry['id']}/receipt"
    receipt = ask_until(lambda: edge.api.get(path), lambda it: it["matched"] and it["summary"]["verified"])
    assert receipt["entry"] == entry
    assert (receipt["active"], receipt["waiting_for"], receipt["matched"]) == (True, [], True)
    assert receipt["first_blocked"] is None
    assert receipt["summary"]["nodes"]["edge"]["verified"] == receipt["summary"]["orders"] == 1
    assert receipt["summary"]["owed"] == {"dead": 1}
    assert receipt["summary"]["first_at"] > entry["added_at"]
    incidents = [_incident(entry["id"], entry["added_at"] + seconds) for seconds in (1, 2)]
    with_store(edge.config, lambda store: Incidents(store).add(incidents))
    assert edge.api.get(path).json["first_blocked"]["at"] == entry["added_at"] + 1


def _incident(entry_id: str, at: float) -> Incident:
    target = Target("http", HOST, "/listed.jpg")
    return Incident(at, Decision.BLOCK, Reason.MATCH, target, "ab" * 32, "receipts", entry_id, "sha256", 0)


def test_an_order_met_in_transit_is_in_the_receipt(edge: Edge) -> None:
    """Every order for the entry belongs to its receipt, not only those of retromatching."""
    edge.api.post("/lists", {"name": "transit"})
    (entry,) = edge.api.post("/lists/transit/entries", {"hashes": ["md5:" + "6" * 32]}).json["entries"]
    order = PurgeOrder(Target("http", HOST, "/met.jpg"), Cause.MATCH, time.time(), entry_id=entry["id"])
    (order_id,) = with_store(edge.config, lambda store: Orders(store).place([order]))
    receipt = edge.api.get(f"/entries/{entry['id']}/receipt").json
    assert [purge["id"] for purge in receipt["purges"]] == [order_id]


def test_a_removed_entry_has_a_receipt(api: Api, a_list: str) -> None:
    """With who removed it, when, from where and why."""
    (entry,) = api.post(f"/lists/{a_list}/entries", {"hashes": ["md5:" + "7e" * 16]}).json["entries"]
    path = f"/entries/{entry['id']}/receipt"
    assert api.get(path).json["removed"] is None
    api.delete(f"/entries/{entry['id']}", why="order was lifted")
    receipt = api.get(path).json
    assert (receipt["entry"], receipt["effect"], receipt["state"]) == (entry, "removed", "inactive")
    removal = {"by": "local", "why": "order was lifted", "from": "127.0.0.1", "op": "entry.remove"}
    assert {key: receipt["removed"][key] for key in removal} == removal


def test_an_unknown_id_has_no_receipt(api: Api) -> None:
    """The answer is 404 and names it."""
    for path in ("/takedowns/td-none", "/entries/0123/receipt"):
        answer = api.get(path)
        assert answer.status == 404
        assert path.split("/")[2] in answer.json["detail"]


@pytest.mark.parametrize("accept", ["text/html", "text/html,application/xhtml+xml;q=0.9"])
def test_a_browser_gets_a_page(edge: Edge, accept: str) -> None:
    """The same receipt as HTML, without scripts, whatever a URL contains."""
    asked = {"urls": [f"http://{HOST}/\"><script>alert(1)</script>?'"], "why": "<b>"}
    takedown_id = edge.api.post("/takedowns", asked).json["id"]
    answer = edge.api.ask("GET", f"/takedowns/{takedown_id}", headers={"Accept": accept})
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    page = answer.body.decode()
    assert takedown_id in page
    assert "<script" not in page
    assert "<b>" not in page
    assert "<script>alert(1)</script>?'" in html.unescape(re.sub("<style>.*?</style>", "", page, flags=re.DOTALL))


def test_a_program_gets_json(edge: Edge) -> None:
    """A client that does not ask for HTML, or accepts JSON too, gets JSON."""
    takedown_id = edge.api.post("/takedowns", {"urls": [f"http://{HOST}/json"]}).json["id"]
    for accept in ("*/*", "application/json", "application/json, text/html;q=0.1"):
        answer = edge.api.ask("GET", f"/takedowns/{takedown_id}", headers={"Accept": accept})
        assert answer.headers["Content-Type"].startswith("application/json")
