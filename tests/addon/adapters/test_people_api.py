"""A contact with several addresses is found by each of them, and numbers are read as their country writes them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from addon.adapters.people_api import PeopleApi
from addon.domain.people import Source
from addon.event import UserTokens
from tests.cast import CONTACTS, DIRECTORY, OTHERS

pytestmark = pytest.mark.loopback
ANA: dict[str, Any] = {
    "names": [{"displayName": "Ana Paredes"}],
    "emailAddresses": [{"value": "Ana@Casa.example"}, {"value": "ana@Trabajo.example"}],
    "phoneNumbers": [
        {"value": "098 765 4321", "type": "mobile"}, {"value": "02 234 5678", "type": "workFax"}, {"value": "1001"}, {"value": "call me"}
    ],
}  # fmt: skip


@pytest.fixture
def google() -> Iterator[tuple[str, list[str]]]:
    """People API's three searches: contacts know Ana, the others nobody; what was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            found = {"results": [{"person": ANA}]} if "searchContacts" in self.path else {"results": []}
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(found).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("address", ["ana@casa.example", "ana@trabajo.example", "ANA@TRABAJO.EXAMPLE"])
def test_a_person_is_known_by_each_of_their_addresses(google: tuple[str, list[str]], address: str) -> None:
    (found,) = PeopleApi(google[0]).find(UserTokens("o", "", frozenset({CONTACTS})), address, "EC")
    assert (found.name, found.email, found.source) == ("Ana Paredes", address.lower(), Source.CONTACTS)
    assert [(n.e164, n.label) for n in found.numbers][:2] == [("+593987654321", "mobile"), ("+59322345678", "fax")]


def test_only_what_was_granted_is_asked(google: tuple[str, list[str]]) -> None:
    url, asked = google
    for scopes, calls in (((), 0), ((CONTACTS,), 1), ((OTHERS, DIRECTORY), 2), ((CONTACTS, OTHERS, DIRECTORY), 3)):
        asked.clear()
        PeopleApi(url).find(UserTokens("o", "", frozenset(scopes)), "ana@casa.example", "EC")
        assert len(asked) == calls
