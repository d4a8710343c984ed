"""Ids of others are as unknown as none on every route that takes one, and no name that comes from outside becomes a path."""

from __future__ import annotations

import hashlib
from urllib.parse import quote

import pytest

from addon.adapters.object_rules import check_name
from addon.ports.objects import NoObject
from contract import wire
from contract.calls import CallId
from contract.events import RecordingReady
from contract.numbers import TenantId, UserId
from contract.uploads import UploadGrant, UploadRequest
from tests.addon.app.test_browser_door import browser, house, keep_recording, signed_in
from tests.addon.app.test_clicks import SOUND, ended, event, signed
from tests.cast import NOW, House

__all__ = ["house"]
pytestmark = pytest.mark.pure
ACME, ALICE = TenantId("acme"), UserId("alice")
# Routes whose variable part names no stored thing of a user: our own files, and telephony's uploads (signed, random ids).
NO_USER_DATA = {"/web/<path:name>", "/icons/<path:name>", "/telephony/uploads/<upload>", "/recordings/<call>"}


def id_routes(house: House) -> list[tuple[str, str]]:
    return [
        (method, rule.rule)
        for rule in house.app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) & {"GET", "POST", "PUT", "DELETE", "PATCH"})
        if rule.arguments and rule.rule not in NO_USER_DATA and not rule.rule.startswith("/tasks/")
    ]


def test_every_route_that_takes_an_id_answers_the_same_404_to_others_and_for_the_unknown(house: House) -> None:
    keep_recording(house)
    keep_recording(house, "charlie", "z1")
    routes, tried = id_routes(house), 0
    bodies: set[bytes] = set()
    for player, foreign in (("bob", ("c1", "z1", "none")), ("charlie", ("c1", "none"))):
        client, headers = signed_in(house, player)
        for method, rule in routes:
            for call in foreign:
                path = rule.replace("<call>", call)
                assert "<" not in path, f"a new kind of id: say here what it is ({rule})"
                answer = client.open(path, method=method, headers=headers, json={})
                assert answer.status_code == 404, (player, method, path)
                bodies.add(answer.data)
                tried += 1
    print(f"ids: {len(routes)} routes, {tried} requests")
    assert len(routes) >= 4 and len(bodies) == 1


def payloads() -> list[str]:
    """Ways out of a folder in many spellings."""
    ups = ["../", "..\\", "%2e%2e/", "%2e%2e%2f", "..%2f", "..%5c", "%252e%252e%252f", "..%c0%af", "..;/", "....//", "..%00/", ".%2e/",
           "\u2025/", "\uff0e\uff0e/", "..\u2215", "./../", "/../", "//..//", "x/../../", "%u002e%u002e/"]  # fmt: skip
    ends = [
        "etc/passwd",
        "objects/index.sqlite",
        "d.sqlite",
        "bytes/x",
        "~/.ssh/id_rsa",
        "con",
        "a:stream",
        "x\x00.wav",
    ]
    found = [up * depth + end for up in ups for depth in (1, 6) for end in ends]
    return [
        *found,
        "/etc/passwd",
        "\\\\host\\share",
        "file:///etc/passwd",
        "C:\\x",
        ".",
        "..",
        "",
        "\x00",
        "a/./b",
        "-rf",
        "x" * 5000,
    ]


def test_no_call_id_or_upload_id_leads_to_a_file(house: House) -> None:
    keep_recording(house)
    client, headers = signed_in(house)
    tried = payloads()
    for name in tried:
        part = quote(name, safe="%")
        for method, path in (
            ("GET", f"/api/calls/{part}"), ("POST", f"/api/recordings/{part}/plays"), ("GET", f"/icons/{part}"), ("GET", f"/web/{part}"),
        ):  # fmt: skip
            answer = client.open(path, method=method, headers=headers)
            assert answer.status_code in {301, 302, 303, 308, 404, 405}, (path, answer.status_code)
            assert b"root:" not in answer.data and b"SQLite" not in answer.data
    print(f"paths: {len(tried)} payloads on 4 routes")
    assert len(tried) >= 300


def test_no_object_name_of_ours_takes_a_path(house: House) -> None:
    tried = payloads()
    refused = 0
    for name in tried:
        with pytest.raises(NoObject):
            check_name(name)
        refused += 1
    assert refused >= 300


def test_the_names_of_recordings_are_made_by_us_whatever_ids_are_asked_for(house: House) -> None:
    digest = hashlib.sha256(SOUND).hexdigest()
    files = {p for p in house.folder.rglob("*")}
    for name in payloads():
        asked = wire.dumps(UploadRequest(CallId(name), ACME, ALICE, len(SOUND), digest))
        answer = signed(house, "POST", "/telephony/uploads", asked)
        assert answer.status_code == 200
        made = wire.loads(answer.data, UploadGrant)
        check_name(made.object)
        assert name not in made.object or len(name) < 3
        assert made.object.split("/")[2] == "recording" and made.url.startswith("/telephony/uploads/")
        unknown = wire.dumps(UploadRequest(CallId("c"), ACME, UserId(name or "/"), len(SOUND), digest))
        assert signed(house, "POST", "/telephony/uploads", unknown).status_code in {400, 404}
    assert {p for p in house.folder.rglob("*")} - files == set()


def test_a_recording_is_only_ever_tied_to_its_own_users_object(house: House) -> None:
    keep_recording(house, "charlie", "z1")
    theirs = house.tenancy.of(TenantId("zeta")).recordings.get(UserId("charlie"), CallId("z1"))
    assert theirs is not None and event(ended(), house) == 204
    for name in ("../../etc/passwd", "nothing/here", theirs.object):
        stolen = RecordingReady("c1:rec", 2, CallId("c1"), ACME, ALICE, name, theirs.sha256, 9, 9.0, NOW)
        assert event(stolen, house) == 410, name
    assert house.tenancy.of(ACME).recordings.get(ALICE, CallId("c1")) is None


def test_a_sign_in_is_needed_before_any_id_is_looked_at(house: House) -> None:
    keep_recording(house)
    for method, rule in id_routes(house):
        assert browser(house).open(rule.replace("<call>", "c1"), method=method, json={}).status_code in {401, 403}
