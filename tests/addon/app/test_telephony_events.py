"""Telephony's events come twice, late, shuffled and at the same time: each call is one record, one charge, one recording."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from addon.domain.dialing import RESERVED_CENTS
from addon.domain.recordings import objects_of
from addon.domain.tenant import Settings, Tenant
from addon.errors import Gone
from addon.ports.documents import Away
from addon.usecases.fold_events import fold
from addon.usecases.forget_recording import forget_recording
from addon.usecases.place_call import place_call, plan_call
from contract import wire
from contract.calls import CallId, Device, Direction, Outcome, Party, RecordingRule
from contract.events import CallEnded, Event, LineStatus, RecordingFailed, RecordingReady
from contract.lines import LineConfig
from contract.numbers import LineId, TenantId, UserId
from contract.route_plan import RoutePlan, RouteRequest
from contract.uploads import UploadRequest
from tests.addon.app.test_clicks import E164, ended, event, signed
from tests.cast import NOW, House

pytestmark = pytest.mark.pure
ACME, ALICE = TenantId("acme"), UserId("alice")
SOUND = b"RIFF" + b"\0" * 60
DIGEST = hashlib.sha256(SOUND).hexdigest()
CALLS = 1000


@pytest.fixture
def house(tmp_path: Path) -> House:
    made = House(tmp_path)
    tenant = made.tenancy.get(ACME)
    assert tenant is not None
    made.tenancy.put(replace(tenant, allowed_regions=("US", "GB"), day_cost_cap_cents=10**9))
    return made


def call_ended(call: str, talk: float = 5.0) -> CallEnded:
    return CallEnded(
        f"{call}:ended", 1, CallId(call), ACME, ALICE, LineId("pbx"), Direction.OUTBOUND, Device.DESK, Party(E164, "Ana"),
        Outcome.COMPLETED, NOW, NOW + 1, NOW + 1 + talk, talk, RecordingRule.RECORDED,
    )  # fmt: skip


def uploaded(house: House, call: str) -> RecordingReady:
    name = f"{objects_of(ACME, ALICE)}202611/{call}"
    house.objects.write(house.objects.start_upload(name, len(SOUND), DIGEST, "audio/wav", None), 0, SOUND)
    return RecordingReady(f"{call}:rec", 2, CallId(call), ACME, ALICE, name, DIGEST, len(SOUND), 5.0, NOW)


def placed(house: House, number: str, now: float) -> CallId:
    store, tenant = house.tenancy.of(ACME), house.tenancy.get(ACME)
    user = store.users.get(ALICE)
    assert tenant and user
    house.now = now
    plan = plan_call(number, user, tenant, Settings(), store, now=now)
    call, verdict = place_call(plan, user, tenant, store, house.ports)
    assert call is not None, verdict
    return call


def test_a_thousand_calls_told_up_to_five_times_in_any_order_and_at_once(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    dice = random.Random(7)
    told: list[Event] = []
    calls = [placed(house, E164, NOW + 11 * n) for n in range(CALLS)]
    for n, call in enumerate(calls):
        mine: list[Event] = [call_ended(call, talk=float(n))]
        if n % 10 == 0:
            mine.append(uploaded(house, call))
        elif n % 10 == 1:
            mine.append(RecordingFailed(f"{call}:rec", 2, call, ACME, ALICE, "disk-full"))
        for one in mine:
            told += [one] * dice.randint(1, 5)
    dice.shuffle(told)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda one: fold(one, house.tenancy, house.ports), told))
    store = house.tenancy.of(ACME)
    records = [record for call in calls if (record := store.calls.get(ALICE, call)) is not None]
    recordings = store.recordings.latest(ALICE, limit=500)
    with capsys.disabled():
        print(
            f"\nevents: {len(told)} deliveries of {CALLS} calls, {len(records)} records, {len(recordings)} recordings"
        )
    assert len(told) >= 2 * CALLS and len(records) == CALLS
    assert sum(record.talk_seconds for record in records) == sum(range(CALLS))
    assert [r.call for r in records if r.recording] == calls[::10]
    assert sorted(r.call for r in recordings) == sorted(calls[::10])
    assert [r.call for r in records if r.recording_problem] == calls[1::10]
    spent = house.documents.list_under("tenants/acme/spend")
    assert sum(day.body["cents"] for day in spent) == CALLS * RESERVED_CENTS["local"]


STEPS: list[tuple[str, Callable[[House, str], Event]]] = [
    ("ended", lambda house, call: call_ended(call)),
    ("failed", lambda house, call: RecordingFailed(f"{call}:rec", 2, CallId(call), ACME, ALICE, "disk-full")),
]


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (1, 1, 0, 0), (0, 1, 0, 1)])
def test_a_lost_recording_is_said_on_its_call_in_whatever_order_it_is_told(
    house: House, order: tuple[int, ...]
) -> None:
    for step in order:
        fold(STEPS[step][1](house, "c1"), house.tenancy, house.ports)
    record = house.tenancy.of(ACME).calls.get(ALICE, CallId("c1"))
    assert record is not None and (record.recording, record.recording_problem) == ("", "disk-full")
    assert house.documents.list_under("tenants/acme/users/alice/failures") == []


def test_a_late_repetition_does_not_bring_a_deleted_recording_back(house: House) -> None:
    ready = uploaded(house, "c1")
    for told in (call_ended("c1"), ready):
        fold(told, house.tenancy, house.ports)
    store = house.tenancy.of(ACME)
    forget_recording(CallId("c1"), ALICE, ALICE, store, house.ports)
    with pytest.raises(Gone):
        fold(ready, house.tenancy, house.ports)
    fold(call_ended("c1"), house.tenancy, house.ports)
    record = store.calls.get(ALICE, CallId("c1"))
    assert record is not None and record.recording == "" and store.recordings.latest(ALICE) == []


def test_an_ended_call_frees_its_place_abroad_and_a_repetition_frees_no_other(house: House) -> None:
    abroad = "+442079460958"
    first, second = placed(house, abroad, NOW), placed(house, abroad, NOW + 1)
    usage = house.tenancy.of(ACME).usage
    assert usage.of(ALICE, NOW + 2).international_live == 2
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda _: fold(call_ended(first), house.tenancy, house.ports), range(5)))
    assert usage.of(ALICE, NOW + 2).international_live == 1
    fold(call_ended(second), house.tenancy, house.ports)
    assert usage.of(ALICE, NOW + 2).international_live == 0


def test_what_is_told_of_somebody_unknown_is_refused_for_good_and_stored_nowhere(house: House) -> None:
    before = len(house.documents.list_under("tenants"))
    for stranger in (
        replace(ended(), user=UserId("mallory")), replace(ended(), tenant=TenantId("nowhere")), replace(ended(), user=UserId("")),
        replace(ended(), user=UserId("a/b")), replace(ended(), tenant=TenantId("a/b")), replace(ended(), user=UserId("__x__")),
    ):  # fmt: skip
        assert event(stranger, house) in {400, 410}
    assert len(house.documents.list_under("tenants")) == before


def test_the_state_of_a_line_is_taken_without_a_user(house: House) -> None:
    assert event(LineStatus("l:1", 1, ACME, LineId("pbx"), "1001", False, "wrong-password"), house) == 204


@pytest.mark.parametrize("path", ["/telephony/events", "/telephony/route", "/telephony/uploads"])
def test_nonsense_that_is_correctly_signed_is_400_and_never_an_error_of_ours(house: House, path: str) -> None:
    for body in (
        b"", b"null", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"v":1,"type":"PlaceCall","body":{}}', wire.dumps(ended())[:-1],
        wire.dumps(ended()).replace(b'"seq": 1', b'"seq": "x"').replace(b'"seq":1', b'"seq":"x"'),
        wire.dumps(UploadRequest(CallId("c1"), ACME, ALICE, -1, DIGEST)), wire.dumps(UploadRequest(CallId("c1"), ACME, ALICE, 10**15, DIGEST)),
        wire.dumps(UploadRequest(CallId("c1"), ACME, ALICE, 5, "not-a-digest")),
        wire.dumps(RouteRequest(CallId("i1"), TenantId("a/b"), LineId("pbx"), "1001", Party(E164))),
    ):  # fmt: skip
        assert signed(house, "POST", path, body).status_code in {400, 410, 404}, body[:60]


def test_a_store_that_does_not_answer_is_503_so_that_the_event_comes_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(house.documents), "run", lambda *_: (_ for _ in ()).throw(Away("away")))
    assert event(ended(), house) == 503
    for method, path in (("POST", "/telephony/route"), ("GET", "/telephony/lines"), ("POST", "/telephony/uploads")):
        assert signed(house, method, path, b"{}").status_code == 503


def test_one_tenants_unreadable_line_keeps_no_other_from_telephony(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    for tenant in ("acme", "zeta"):
        house.tenancy.of(TenantId(tenant)).lines.put(LineConfig(TenantId(tenant), LineId("pbx"), 0, "127.0.0.1"))
    broken = house.documents.get("tenants/acme/lines/pbx")
    assert broken is not None
    house.documents.put("tenants/acme/lines/pbx", {**broken.body, "registrations": [{"user": "alice", "extension": {"digits": "1001"},
                        "auth_user": "1001", "password": "k9.AAAA", "desk": None}]})  # fmt: skip
    answer = signed(house, "GET", "/telephony/lines", b"")
    assert answer.status_code == 200 and [line["body"]["tenant"] for line in answer.json["lines"]] == ["zeta"]
    assert "cannot be read" in caplog.text and "k9.AAAA" not in caplog.text


def test_a_suspended_tenant_or_user_is_not_rung(house: House) -> None:
    ask = wire.dumps(RouteRequest(CallId("i1"), ACME, LineId("pbx"), "1001", Party(E164)))
    assert signed(house, "POST", "/telephony/route", ask).status_code == 200
    tenant = house.tenancy.get(ACME)
    assert isinstance(tenant, Tenant)
    house.tenancy.put(replace(tenant, suspended=True))
    assert signed(house, "POST", "/telephony/route", ask).status_code == 404


@pytest.mark.parametrize(
    ("language", "region", "spoken"), [("pt", "EC", "pt"), ("", "EC", "es"), ("", "BR", "pt"), ("", "US", "en")]
)
def test_the_announcement_speaks_the_users_language_or_their_countrys(
    house: House, language: str, region: str, spoken: str
) -> None:
    tenant = house.tenancy.get(ACME)
    assert tenant is not None
    house.tenancy.put(replace(tenant, region=region))
    house.tenancy.of(ACME).settings.save(ALICE, Settings(language=language))
    ask = wire.dumps(RouteRequest(CallId("i1"), ACME, LineId("pbx"), "1001", Party("")))
    plan = wire.loads(signed(house, "POST", "/telephony/route", ask).data, RoutePlan)
    assert plan.announcement_language == spoken


def test_a_recording_is_kept_no_longer_than_the_company_allows_whatever_the_user_chose(house: House) -> None:
    tenant, store = house.tenancy.get(ACME), house.tenancy.of(ACME)
    assert tenant is not None and store.settings.get(ALICE).retention_days > 3
    house.tenancy.put(replace(tenant, retention_max_days=3))
    for told in (call_ended("c1"), uploaded(house, "c1")):
        fold(told, house.tenancy, house.ports)
    (kept,) = store.recordings.latest(ALICE)
    assert kept.purge_at == NOW + 6 + 3 * 86400  # the end of the call
