"""Nothing that expired stays: every collection whose documents carry `expires_at` is swept, and nothing live goes."""

from __future__ import annotations

from pathlib import Path

import pytest

from addon.adapters.local_tasks import Delivery
from addon.domain.dialing import Verdict
from addon.jobs import expire as expire_job
from addon.jobs.expire import GRACE_SECONDS, expire
from addon.ports.documents import Document, Refused
from addon.ports.indexes import EXPIRING, Query
from addon.store.usage import Caps
from contract import wire
from contract.calls import CallId
from contract.numbers import TenantId, UserId
from tests.addon.jobs.seed import seed_recording
from tests.cast import KEYS, NOW, House, click

pytestmark = pytest.mark.pure
ACME, ALICE = TenantId("acme"), UserId("alice")


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture(autouse=True)
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """google-auth reads the wall clock; tokens here live at NOW."""
    import datetime

    moment = datetime.datetime.fromtimestamp(NOW, datetime.UTC).replace(tzinfo=None)
    monkeypatch.setattr("google.auth._helpers.utcnow", lambda: moment)


def everything(house: House) -> list[Document]:
    return [d for top in ("signed", "tenants", "domains", "sessions") for d in house.documents.list_under(top)]


def dated(house: House) -> list[Document]:
    return [d for d in everything(house) if "expires_at" in d.body]


def live_a_little(house: House) -> None:
    """A click with an effect, a signed request and a call that costs."""
    params = click(house.post("/on/gmail.message").json, "/do/call.place")
    house.post("/do/call.place", house.event(parameters=params))
    sent = wire.sign_request(
        wire.Keys(KEYS["telephony-to-addon"]), "addon", "GET", "/telephony/lines", b"", now=house.now, nonce="n" * 32
    )
    assert house.app.test_client().get("/telephony/lines", headers=sent).status_code == 200
    verdict = house.tenancy.of(ACME).usage.reserve(
        ALICE, CallId("c9"), international=True, cost_cents=5, caps=Caps(), now=house.now
    )
    assert verdict is Verdict.ALLOWED
    house.tenancy.of(ACME).sessions.open(ALICE, "s" * 32, house.now)


def test_what_expired_goes_and_everything_else_stays(house: House) -> None:
    live_a_little(house)
    kept = {d.path for d in everything(house)} - {d.path for d in dated(house)}
    assert {d.path.split("/")[-2] for d in dated(house)} == {index.collection for index in EXPIRING}
    last = max(d.body["expires_at"] for d in dated(house))
    house.now = min(d.body["expires_at"] for d in dated(house)) + GRACE_SECONDS - 1
    assert expire(house.tenancy, house.ports, {}) == 0
    house.now = last + GRACE_SECONDS
    assert expire(house.tenancy, house.ports, {}) == 4
    assert {d.path for d in everything(house)} == kept and len(kept) > 5


@pytest.mark.parametrize("path", ["attempts/s", "tenants/acme/users/alice/things/1"])
def test_a_document_that_expires_is_refused_where_nothing_would_delete_it(house: House, path: str) -> None:
    with pytest.raises(Refused, match="EXPIRING"):
        house.documents.put(path, {"expires_at": NOW})


def test_a_pile_goes_page_by_page(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expire_job, "PAGE", 10)
    for number in range(45):
        house.tenancy.of(ACME).nonces.spend("x", str(number), NOW)
        house.documents.put(f"signed/{number:032d}", {"expires_at": NOW})
    house.now = NOW + GRACE_SECONDS
    expire(house.tenancy, house.ports, {"run": "r1"})
    assert house.tasks.waiting() == (1, 0)

    def deliver(delivery: Delivery) -> bool:
        expire(house.tenancy, house.ports, delivery.body)
        return True

    pages = 1
    while house.tasks.run_due(house.now, deliver, limit=1):
        pages += 1
    assert dated(house) == [] and pages == 5


def test_what_was_prolonged_meanwhile_stays(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.documents.put("signed/a", {"expires_at": NOW})
    query = house.documents.query

    def slow(asked: Query) -> list[Document]:
        found = query(asked)

        if found:
            house.documents.put("signed/a", {"expires_at": NOW + 9999})
        return found

    monkeypatch.setattr(house.documents, "query", slow)
    house.now = NOW + GRACE_SECONDS
    assert expire(house.tenancy, house.ports, {}) == 0 and house.documents.get("signed/a")


def test_half_uploads_and_objects_without_a_row_go_and_deleted_text_leaves_the_files(house: House) -> None:
    store = house.tenancy.of(ACME)
    seed_recording(store, house.objects, ALICE, "c1", NOW)
    house.documents.delete("tenants/acme/users/alice/recordings/c1")
    house.documents.put("tenants/acme/users/alice/contacts/1", {"name": "CANARY-27182818"})
    house.documents.delete("tenants/acme/users/alice/contacts/1")
    house.objects.start_upload("a/b/c", 5, "0" * 64, "audio/wav", None)
    house.now = NOW + 8 * 86_400
    assert expire(house.tenancy, house.ports, {}) == 2
    assert list((house.folder / "objects" / "bytes").iterdir()) == []
    assert [p.name for p in house.folder.glob("d.sqlite*") if b"CANARY" in p.read_bytes()] == []
