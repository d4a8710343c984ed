"""Repositories: a tenant sees only itself, decisions and audit lines chain, caps hold under races, erasure is whole."""

from __future__ import annotations

import multiprocessing
from dataclasses import replace
from pathlib import Path

import pytest

from addon.adapters.sqlite_documents import SqliteDocuments
from addon.domain.call_record import CallRecord
from addon.domain.consent import Consent, ConsentKind
from addon.domain.dialing import Verdict
from addon.domain.people import FoundNumber, Person, Source
from addon.domain.recordings import Recording
from addon.domain.tenant import Settings, Tenant, User
from addon.store.sealed import Seal, Unreadable
from addon.store.tenancy import Member, Tenancy, new_id
from addon.store.tenants import USER_COLLECTIONS, TenantStore
from addon.store.usage import Caps
from addon.store.users import Stale, chain_is_whole
from contract.calls import CallId, Device, Direction, Outcome, Party, RecordingRule
from contract.lines import LineConfig, Registration
from contract.numbers import Extension, LineId, TenantId, UserId
from tests.cast import CountedDocuments

pytestmark = pytest.mark.pure
ACME, ZETA = TenantId("acme"), TenantId("zeta")
ALICE, CHARLIE = UserId("alice"), UserId("charlie")
KEYS = {"k2": b"2" * 32, "k1": b"1" * 32}
E164 = "+593987654321"


@pytest.fixture
def documents(tmp_path: Path) -> SqliteDocuments:
    return SqliteDocuments(tmp_path / "d.sqlite")


@pytest.fixture
def tenancy(documents: SqliteDocuments) -> Tenancy:
    found = Tenancy(documents, Seal(KEYS))
    found.put(Tenant(ACME, "Acme", ("acme.example", "Acme.Test")))
    found.put(Tenant(ZETA, "Zeta", ("zeta.example",)))
    return found


@pytest.fixture
def acme(tenancy: Tenancy) -> TenantStore:
    return tenancy.of(ACME)


def record(call: str = "c1", at: float = 10.0, peer: str = E164) -> CallRecord:
    return CallRecord(
        CallId(call), Direction.OUTBOUND, Device.BROWSER, Party(peer, "Ana"), Outcome.COMPLETED, at, at + 1, at + 9, 8.0,
        RecordingRule.RECORDED,
    )  # fmt: skip


def recording(call: str = "c1", purge_at: float = 100.0) -> Recording:
    return Recording(CallId(call), "acme/alice/recording/202611/x", 1, 9, "0" * 64, 8.0, 10.0, Party(E164), purge_at)


def line() -> LineConfig:
    registration = Registration(ALICE, Extension("1001"), "1001", "CANARY-secret", Extension("2001"))
    return LineConfig(ACME, LineId("pbx"), 0, "pbx.acme.example", registrations=(registration,))


def fill(store: TenantStore) -> None:
    """Something in every repository."""
    store.users.put(User(ALICE, ACME, "Alice@ACME.example", "Alice", "1001"))
    store.settings.save(ALICE, store.settings.get(ALICE))
    store.consents.add(ALICE, Consent(new_id(), ConsentKind.RECORDING, "v", True, 1.0, "card"))
    store.calls.add(ALICE, record())
    store.recordings.add(ALICE, recording())
    store.calls.note_failure(ALICE, CallId("c9"), "disk-full")
    store.blocks.add(ALICE, E164, 1.0)
    store.contacts.remember(ALICE, Person("Ana", numbers=(FoundNumber(E164, "098", Source.CONTACTS),)))
    store.usage.reserve(ALICE, CallId("c1"), international=False, cost_cents=1, caps=Caps(), now=10.0)
    store.audit.add("alice", "recording.played", "c1", 1.0)
    store.nonces.spend("click", "n", 99.0)
    store.sessions.open(ALICE, "secret", 1.0)


def seen_through(store: TenantStore) -> list[object]:
    """What a handle shows of Alice through every reader."""
    return [
        store.users.get(ALICE), store.users.by_email("alice@acme.example"), store.users.by_extension("1001"), store.users.all(),
        store.settings.get(ALICE).rev, store.consents.latest(ALICE, ConsentKind.RECORDING),
        store.consents.history(ALICE, ConsentKind.RECORDING), store.calls.get(ALICE, CallId("c1")), store.calls.latest(ALICE),
        store.calls.with_peers(ALICE, [E164]), store.recordings.get(ALICE, CallId("c1")), store.recordings.latest(ALICE),
        store.recordings.get_many(ALICE, [CallId("c1")]), store.blocks.is_blocked(ALICE, E164),
        store.contacts.owner(ALICE, E164), store.sessions.use(ALICE, "secret", 2.0), store.lines.get(LineId("pbx")), store.lines.all(), store.audit.lines(),
        list(store.everything_of(ALICE)),
    ]  # fmt: skip


def test_a_tenant_sees_its_own_and_another_tenant_sees_nothing(tenancy: Tenancy, acme: TenantStore) -> None:
    fill(acme)
    acme.lines.put(line())
    assert all(seen_through(acme))
    assert not any(seen_through(tenancy.of(ZETA)))


def test_a_handle_cannot_be_pointed_elsewhere(tenancy: Tenancy, acme: TenantStore) -> None:
    for bad in ("", "a/b", "acme/users/alice"):
        with pytest.raises(ValueError):
            tenancy.of(TenantId(bad))
    for bad in ("", "alice/../../zeta", "x/calls"):
        with pytest.raises(ValueError):
            acme.users.get(UserId(bad))


def test_a_domain_finds_its_tenant_in_any_case_and_cannot_be_taken(tenancy: Tenancy) -> None:
    found = [tenancy.for_domain(d) for d in ("acme.example", "ACME.TEST", "nobody.example", "", "a/b")]
    assert [t.id if t else None for t in found] == [ACME, ACME, None, None, None]
    with pytest.raises(ValueError):
        tenancy.put(Tenant(ZETA, "Zeta", ("acme.example",)))
    assert [t.id for t in tenancy.all()] == [ACME, ZETA]


def test_a_member_is_found_in_one_read_and_a_domain_that_moved_in_two(tmp_path: Path) -> None:
    counted = CountedDocuments(tmp_path / "m.sqlite")
    tenancy = Tenancy(counted, Seal(KEYS))
    for tenant in (ACME, ZETA):
        tenancy.put(Tenant(tenant, tenant.title(), (f"{tenant}.example",)))
        tenancy.of(tenant).users.put(User(ALICE, tenant, f"alice@{tenant}.example", "Alice"))
    tried = []

    def tenant_of(domain: str) -> str | None:
        counted.reads.clear()
        found = tenancy.member(domain, ALICE)
        tried.append(len(counted.reads))
        assert found is None or (
            found.store.tenant == found.tenant.id and found.user and found.user.tenant == found.tenant.id
        )
        return found.tenant.id if found else None

    assert [tenant_of("acme.example"), tenant_of("ACME.example"), tenant_of("acme.example")] == [ACME] * 3
    counted.put("domains/acme.example", {"tenant": ZETA})
    assert [tenant_of("acme.example"), tenant_of("acme.example")] == [ZETA] * 2
    counted.delete("domains/acme.example")
    assert [tenant_of("acme.example"), tenant_of("acme.example"), tenant_of("nobody.example")] == [None] * 3
    assert tried == [2, 1, 1, 2, 1, 1, 1, 1]
    assert [tenant_of(domain) for domain in ("", "a/b")] == [None, None]
    assert tenancy.member("zeta.example", UserId("stranger")) == Member(
        Tenant(ZETA, "Zeta", ("zeta.example",)), tenancy.of(ZETA), None, Settings()
    )


def test_erasure_takes_every_collection_of_a_user_and_nothing_else(acme: TenantStore, tenancy: Tenancy) -> None:
    fill(acme)
    acme.users.put(User(UserId("alice2"), ACME, "a2@acme.example", "Alice II"))
    assert {d.path.split("/")[-2] for d in acme.everything_of(ALICE)} == {"users", *USER_COLLECTIONS}
    assert acme.erase_user(ALICE) == {"users": 1} | dict.fromkeys(USER_COLLECTIONS, 1)
    assert list(acme.everything_of(ALICE)) == [] and len(list(acme.everything_of(UserId("alice2")))) == 1


def test_settings_are_saved_once_per_revision(acme: TenantStore) -> None:
    shown = acme.settings.get(ALICE)
    saved = acme.settings.save(ALICE, replace(shown, retention_days=7))
    assert saved.rev == 1 and acme.settings.get(ALICE).retention_days == 7
    with pytest.raises(Stale):
        acme.settings.save(ALICE, replace(shown, retention_days=9))


def test_consents_chain_and_a_changed_one_breaks_the_chain(acme: TenantStore) -> None:
    for granted in (True, False, True):
        acme.consents.add(ALICE, Consent(new_id(), ConsentKind.RECORDING, "v", granted, 5.0, "card"))
    history = acme.consents.history(ALICE, ConsentKind.RECORDING)
    assert [c.granted for c in history] == [True, False, True] and chain_is_whole(history)
    assert not chain_is_whole([history[0], replace(history[1], granted=True), history[2]])
    assert not chain_is_whole([history[0], history[2]])


def test_a_call_and_a_recording_are_stored_once(acme: TenantStore) -> None:
    assert acme.calls.add(ALICE, record()) and not acme.calls.add(ALICE, record(at=99))
    assert acme.recordings.add(ALICE, recording()) and not acme.recordings.add(ALICE, recording())
    acme.calls.change(ALICE, CallId("c1"), recording="c1")
    acme.calls.change(ALICE, CallId("unknown"), recording="c1")
    found = acme.calls.get(ALICE, CallId("c1"))
    assert found is not None and found.recording == "c1" and found.started_at == 10.0


def test_due_recordings_of_every_tenant_are_found(acme: TenantStore, tenancy: Tenancy) -> None:
    acme.recordings.add(ALICE, recording("c1", 100.0))
    tenancy.of(ZETA).recordings.add(CHARLIE, recording("c2", 50.0))
    due = [(ZETA, CHARLIE, CallId("c2")), (ACME, ALICE, CallId("c1"))]

    def found(now: float, after: tuple[float, str] | None = None) -> list[tuple[str, str, str]]:
        return [(d.tenant, d.user, d.call) for d in tenancy.due_recordings(now, after=after)]

    assert found(100.0) == due and found(99.9) == due[:1]
    assert found(100.0, tenancy.due_recordings(100.0)[0].place) == due[1:]


def test_an_edited_or_removed_audit_line_is_found(acme: TenantStore, documents: SqliteDocuments) -> None:
    for number in range(3):
        acme.audit.add("alice", "recording.deleted", f"c{number}", float(number))
    assert acme.audit.is_whole()
    path = "tenants/acme/audit/000000000002"
    whole = documents.get(path)
    assert whole is not None
    documents.put(path, {**whole.body, "target": "c9"})
    assert not acme.audit.is_whole()
    documents.put(path, whole.body)
    documents.delete("tenants/acme/audit/000000000003")
    assert not acme.audit.is_whole()


def test_line_passwords_are_sealed_for_their_line(acme: TenantStore, documents: SqliteDocuments) -> None:
    saved = acme.lines.put(line())
    assert (saved.rev, acme.lines.put(line()).rev, acme.lines.put(replace(line(), register_seconds=60)).rev) == (
        1,
        1,
        2,
    )
    stored = documents.get("tenants/acme/lines/pbx")
    assert stored is not None and "CANARY" not in str(stored.body)
    found = acme.lines.get(LineId("pbx"))
    assert found is not None and found.registrations == line().registrations
    documents.put("tenants/acme/lines/other", {**stored.body, "line": "other"})
    with pytest.raises(Unreadable):
        acme.lines.get(LineId("other"))
    with pytest.raises(ValueError):
        acme.lines.put(replace(line(), tenant=ZETA))


def test_a_client_key_is_sealed_and_a_line_of_an_earlier_release_still_reads(
    acme: TenantStore, documents: SqliteDocuments
) -> None:
    path, fresh = "tenants/acme/lines/pbx", ("proxy", "ca", "client_certificate", "client_key")
    acme.lines.put(replace(line(), transport="tls", client_certificate="PUBLIC", client_key="CANARY-key"))
    stored, found = documents.get(path), acme.lines.get(LineId("pbx"))
    assert stored is not None and "CANARY" not in str(stored.body) and stored.body["client_certificate"] == "PUBLIC"
    assert found is not None and (found.client_key, "CANARY" in repr(found)) == ("CANARY-key", False)
    documents.put("tenants/acme/lines/other", {**stored.body, "line": "other", "registrations": []})
    with pytest.raises(Unreadable):
        acme.lines.get(LineId("other"))
    acme.lines.put(line())
    now = documents.get(path)
    assert now is not None
    documents.put(path, {name: value for name, value in now.body.items() if name not in fresh})
    assert acme.lines.get(LineId("pbx")) == replace(line(), rev=2)


def test_a_retired_key_still_opens_and_an_unknown_one_does_not() -> None:
    old = Seal({"k1": KEYS["k1"]}).close("pw", "o")
    assert Seal(KEYS).open(old, "o") == "pw" and Seal(KEYS).close("pw", "o").startswith("k2.")
    for bad in (old.replace("k1.", "k9."), old[:-4] + "AAAA", "", "k1.", "k1.é"):
        with pytest.raises(Unreadable):
            Seal(KEYS).open(bad, "o")


def test_a_nonce_is_spent_once_per_scope(acme: TenantStore) -> None:
    assert [acme.nonces.spend(s, "n", 9.0) for s in ("click", "click", "ticket")] == [True, False, True]


def reserve(acme: TenantStore, call: str, *, now: float = 0.0, abroad: bool = False, cents: int = 0) -> Verdict:
    return acme.usage.reserve(ALICE, CallId(call), international=abroad, cost_cents=cents, caps=Caps(), now=now)


def test_six_calls_a_minute_two_abroad_and_a_daily_cost(acme: TenantStore) -> None:
    assert [reserve(acme, f"c{n}") for n in range(7)] == [Verdict.ALLOWED] * 6 + [Verdict.TOO_MANY_CALLS]
    assert reserve(acme, "d", now=61.0) is Verdict.ALLOWED
    abroad = [reserve(acme, f"i{n}", now=200.0, abroad=True) for n in range(3)]
    assert abroad == [Verdict.ALLOWED, Verdict.ALLOWED, Verdict.TOO_MANY_INTERNATIONAL]
    acme.usage.release(ALICE, CallId("i0"))
    assert reserve(acme, "i3", now=200.0, abroad=True) is Verdict.ALLOWED
    assert reserve(acme, "e", now=400.0, cents=5000) is Verdict.ALLOWED
    assert reserve(acme, "f", now=400.0, cents=1) is Verdict.COST_CAP
    assert reserve(acme, "g", now=90000.0, cents=1) is Verdict.ALLOWED


def dial(file: str, worker: int, allowed: multiprocessing.Queue[int]) -> None:
    """Try five calls in a process of its own and report how many were allowed."""
    acme = Tenancy(SqliteDocuments(Path(file)), Seal(KEYS)).of(ACME)
    allowed.put(sum(reserve(acme, f"w{worker}-{n}") is Verdict.ALLOWED for n in range(5)))


def test_racing_processes_reach_exactly_the_cap(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    allowed = context.Queue()
    runners = [context.Process(target=dial, args=(str(tmp_path / "d.sqlite"), n, allowed)) for n in range(4)]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join(60)
    assert sum(allowed.get(timeout=5) for _ in runners) == Caps().calls_per_minute
