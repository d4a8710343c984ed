"""One filled example of every card, for every language; hostile texts on demand."""

from __future__ import annotations

from addon.domain.call_record import CallRecord
from addon.domain.consent import Consent, ConsentKind
from addon.domain.dialing import DialPlan, Verdict
from addon.domain.people import FoundNumber, Person, Source
from addon.domain.presence import LiveCall, Presence
from addon.domain.recordings import Recording
from addon.domain.tenant import Settings, Tenant, User
from cards.call import call_card, calling_card
from cards.compose import compose_card
from cards.consent import consent_card
from cards.contact import add_contact_card
from cards.homepage import homepage_card
from cards.my_data import my_data_card
from cards.person import person_card
from cards.problem import no_phone_card, problem_card
from cards.recent_calls import recent_calls_card
from cards.recording import confirm_delete_card, recording_card
from cards.settings import settings_card
from cards.surface import Action
from cards.text import Texts
from cards.widgets import Card
from contract.calls import CallId, CallState, Device, Direction, Outcome, Party, RecordingPlan, RecordingRule
from contract.numbers import LineId, TenantId, UserId

NOW = 1_795_500_000.0
E164 = "+593987654321"
USER = User(UserId("alice"), TenantId("acme"), "alice@acme.example", "Alice", "1001", "2001", LineId("pbx"))
TENANT = Tenant(TenantId("acme"), "Acme", ("acme.example",))
SETTINGS = Settings(record_calls=True)
YES = RecordingPlan(True, RecordingRule.RECORDED, "es")
NO = RecordingPlan(False, RecordingRule.NO_CONSENT)


def plan(
    verdict: Verdict = Verdict.ALLOWED, recording: RecordingPlan = YES, device: Device = Device.BROWSER
) -> DialPlan:
    return DialPlan(verdict, E164, E164, "+593 98 765 4321", "EC", device, recording, 30)


def record(
    call: str, outcome: Outcome = Outcome.COMPLETED, direction: Direction = Direction.OUTBOUND, name: str = "Ana"
) -> CallRecord:
    talk = 8.0 if outcome is Outcome.COMPLETED else 0.0
    return CallRecord(
        CallId(call), direction, Device.BROWSER, Party(E164, name), outcome, NOW - 5000, None, NOW - 4900, talk, RecordingRule.RECORDED,
        recording=call if talk else "", recording_problem="" if talk else "upload-failed",
    )  # fmt: skip


def all_cards(language: str, name: str = "Ana Pérez", number: str = "098 765 4321") -> dict[str, Card]:
    """Every card by a name of its own; `name` and `number` are the untrusted texts."""
    texts = Texts(language, "America/Guayaquil")
    recording = Recording(CallId("c1"), "o", 1, 2, "x", 61, NOW - 5000, Party(E164, name), NOW + 86400, cut_short=True)
    held = Recording(CallId("c2"), "o", 1, 2, "x", 61, NOW - 5000, Party("", ""), NOW, holds=("h",))
    records = [record(f"c{n}", outcome, way, name) for n, outcome in enumerate(Outcome) for way in Direction]
    found = [FoundNumber(E164, number, source, label, "33") for source in Source for label in ("", "mobile", "fax")]
    person = Person(name, f"{name}@x.example", name, Source.CONTACTS, tuple(found))
    live = LiveCall(CallId("l"), Direction.INBOUND, CallState.ACTIVE, Party(E164, name), 70, True)
    here = Presence(True, True, (live,))
    consent = Consent("i", ConsentKind.RECORDING, "2026-11", True, NOW, "card")
    choices = [(n, plan(v, p)) for n, v, p in zip(found, [*Verdict] * 2, [YES, NO] * 12, strict=False)]
    gaps = ["numbers-in-headers", "numbers-in-mail", "contacts", "other-contacts", "directory", "insert-numbers"]
    at = {"now": NOW, "texts": texts}
    cards = {
        "home": homepage_card(USER, here, records, SETTINGS, **at),
        "home-empty": homepage_card(
            User(UserId("b"), TenantId("acme"), "b@acme.example", ""), None, [], Settings(), **at
        ),
        "home-desk": homepage_card(USER, Presence(False, True), [], Settings(device=Device.DESK), **at),
        "person": person_card(person, "ana@x.example", choices, [person, person], records, SETTINGS, here, gaps, **at),
        "person-desk": person_card(
            person, "a", [(found[0], plan(device=Device.DESK))], [], [], SETTINGS, None, [], **at
        ),
        "person-unknown": person_card(None, name, [], [], [], SETTINGS, None, [], **at),
        "recent": recent_calls_card(records, {CallId("c1"): recording, CallId("c2"): held}, **at),
        "recent-empty": recent_calls_card([], {}, **at),
        "call": call_card(records[0], recording, Device.BROWSER, here, **at),
        "call-missed": call_card(record("m", Outcome.NO_ANSWER, Direction.INBOUND, ""), None, Device.DESK, None, **at),
        "calling": calling_card("+593 98 765 4321", plan(), texts=texts, call="c9"),
        "recording": recording_card(recording, records[0], **at),
        "recording-held": recording_card(held, None, **at),
        "delete": confirm_delete_card(recording, texts=texts),
        "settings": settings_card(USER, SETTINGS, TENANT, consent, texts=texts),
        "settings-none": settings_card(USER, Settings(retention_days=45), TENANT, None, texts=texts),
        "settings-off": settings_card(
            USER, SETTINGS, Tenant(TenantId("z"), "Z", (), recording_allowed=False), None, texts=texts
        ),
        "my-data": my_data_card(
            [recording, held], 2, [consent, Consent("j", ConsentKind.CONTACTS, "1", False, NOW, "page")], **at
        ),
        "my-data-empty": my_data_card([], 1, [], **at),
        "contact": add_contact_card(name, "a@x.example", found, texts.t("contact.error"), texts=texts),
        "compose": compose_card(USER, [E164, "1001"], texts=texts),
        "compose-empty": compose_card(USER, [], texts=texts),
        "no-phone": no_phone_card("+593 2 234 5678", "+59322345678", texts=texts),
        "problem": problem_card(texts.t("problem.title"), texts.t("problem.away"), texts=texts, retry=Action.REFRESH),
    }
    for kind in ConsentKind:
        cards[f"consent-{kind.value}"] = consent_card(kind, consent, E164, texts=texts)
    for problem in ("wrong-password", "unreachable", "refused"):
        cards[f"home-{problem}"] = homepage_card(USER, Presence(False, False, (), problem), [], SETTINGS, **at)
    return cards
