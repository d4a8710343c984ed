"""What each card asks of Firestore: requests on the wire and documents that are paid for, counted and bounded."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from addon.adapters.firestore_documents import FirestoreDocuments, connect
from addon.app import create_app
from addon.domain.call_record import CallRecord
from addon.domain.tenant import Settings
from addon.ports.documents import Documents
from addon.store.sealed import Seal
from addon.store.tenancy import Tenancy
from contract.calls import CallId, Device, Direction, Outcome, Party, RecordingRule
from contract.numbers import TenantId, UserId
from tests.cast import KEYS, NOW, FixedKeys, House
from tests.peers.firestore import Emulator

pytestmark = pytest.mark.loopback
PATIENT_SECONDS = 60.0
# Requests of a card, and the documents that it may read, those that are not there included. The first card of a process
# asks once more, for whose the domain is.
CARDS = {
    "home": ("/on/gmail.homepage", 2, 10),
    "person": ("/on/gmail.message", 3, 15),
    "settings": ("/do/settings.show", 2, 6),
    "recents": ("/do/recent.show", 3, 66),
}


class CountedClient:
    """Google's client with each request that goes over its channel noted, and the documents that it reads."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.requests: list[str] = []
        self.documents = 0

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**given: Any) -> Any:
            answer = getattr(self._client, name)(**given)
            self.requests.append(name)
            if name in {"batch_get_documents", "run_query"}:
                answer = list(answer)
                self.documents += max(1, len(answer))
            return answer

        return call


def moved(house: House, store: Documents) -> None:
    """Everything that the house holds, put into another store."""
    calls = house.tenancy.of(TenantId("acme")).calls
    for number in range(30):
        peer = Party("+593987654321" if number % 3 else f"+5939876543{number:02d}")
        at = NOW - 60 - 3600 * number
        calls.add(
            UserId("alice"),
            CallRecord(
                CallId(f"call-{number}"), Direction.OUTBOUND, Device.BROWSER, peer, Outcome.COMPLETED, at, at + 5, at + 95,
                90.0, RecordingRule.RECORDED, CallId(f"call-{number}"),
            ),
        )  # fmt: skip
    house.tenancy.of(TenantId("acme")).settings.save(UserId("alice"), Settings(record_calls=True))
    for root in ("domains", "tenants"):
        for document in house.documents.list_under(root):
            store.put(document.path, document.body)


@pytest.fixture
def counted(tmp_path: Path, firestore_emulator: Emulator) -> tuple[House, Callable[[], Flask], CountedClient]:
    house, project = House(tmp_path), f"p{uuid.uuid4().hex[:12]}"
    plain = connect(project, emulator=firestore_emulator.host, deadline_seconds=PATIENT_SECONDS)
    moved(house, plain)
    client = CountedClient(plain._client)
    store = FirestoreDocuments(client, project, "(default)", PATIENT_SECONDS)

    def fresh() -> Flask:
        ports = replace(house.ports, documents=store)
        return create_app(house.config, ports, Tenancy(store, Seal(KEYS["lines"])), FixedKeys())

    return house, fresh, client


@pytest.mark.parametrize("card", CARDS)
def test_a_card_asks_firestore_little(
    counted: tuple[House, Callable[[], Flask], CountedClient], card: str, capsys: pytest.CaptureFixture[str]
) -> None:
    house, fresh, client = counted
    path, requests, documents = CARDS[card]
    house.app = fresh()
    for visit in ("first", "later", "later"):
        client.requests.clear()
        client.documents = 0
        answer = house.post(path)
        assert answer.status_code == 200 and "pushCard" in str(answer.json) and "problem" not in str(answer.json)
        with capsys.disabled():
            print(f"\n{card}, {visit}: {len(client.requests)} requests, {client.documents} documents", flush=True)
        assert set(client.requests) <= {"batch_get_documents", "run_query"}
        assert len(client.requests) == requests + (1 if visit == "first" else 0)
        assert 0 < client.documents <= documents
