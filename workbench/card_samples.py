"""One filled example of every card in each language; hostile texts on demand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from addon.domain.call_record import CallRecord
from addon.domain.consent import Consent, ConsentKind
from addon.domain.dialing import DialPlan, Verdict
from addon.domain.people import FoundNumber, Person, Source
from addon.domain.presence import LiveCall, Presence
from addon.domain.recordings import Recording
from addon.domain.tenant import Settings, Tenant, User
from cards.call import call_card, calling_card, ended_card, live_card
from cards.compose import compose_card
from cards.consent import consent_card
from cards.contact import add_contact_card
from cards.homepage import homepage_card
from cards.my_data import my_data_card
from cards.person import person_card, unread_card
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
    """A decision about E164."""
    return DialPlan(verdict, E164, E164, "+593 98 765 4321", "EC", device, recording, 30)


def record(
    call: str, outcome: Outcome = Outcome.COMPLETED, direction: Direction = Direction.OUTBOUND, name: str = "Ana"
) -> CallRecord:
    """A finished call with E164; recorded when it was answered."""
    talk = 8.0 if outcome is Outcome.COMPLETED else 0.0
    return CallRecord(
        CallId(call), direction, Device.BROWSER, Party(E164, name), outcome, NOW - 5000, None, NOW - 4900, talk, RecordingRule.RECORDED,
        recording=call if talk else "", recording_problem="" if talk else "upload-failed",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sample:
    """The untrusted texts that the cards are filled with, and what several cards share."""

    texts: Texts
    name: str
    number: str
    organisation: str

    def recording(self, **changed: Any) -> Recording:
        """A recording that is deleted tomorrow."""
        whole = Recording(CallId("c1"), "o", 1, 2, "x", 61, NOW - 5000, Party(E164, self.name), NOW + 86400)
        return replace(whole, **changed)

    def held(self) -> Recording:
        """A recording of nobody known, under a legal hold."""
        return self.recording(call=CallId("c2"), peer=Party("", ""), purge_at=NOW, holds=("h",))

    def live(self) -> LiveCall:
        """A call that is up."""
        return LiveCall(CallId("l"), Direction.INBOUND, CallState.ACTIVE, Party(E164, self.name), 70, True)

    def records(self) -> list[CallRecord]:
        """Every outcome both ways, newest first, some of them days ago."""
        ways = [(outcome, way) for outcome in Outcome for way in Direction]
        return [
            replace(record(f"c{n}", outcome, way, self.name), started_at=NOW - 5000 - n * 9000)
            for n, (outcome, way) in enumerate(ways)
        ]

    def person(self, *numbers: FoundNumber) -> Person:
        """Somebody in the user's contacts."""
        email = f"{self.name.replace(' ', '.').lower()}@x.example"
        return Person(self.name, email, self.organisation, Source.CONTACTS, numbers)


def _people(sample: Sample) -> dict[str, Card]:
    texts, name, number = sample.texts, sample.name, sample.number
    mobile = FoundNumber(E164, number, Source.CONTACTS, "mobile")
    office = FoundNumber(E164, number, Source.SIGNATURE, "work", "12")
    every = [FoundNumber(E164, number, source, label, "33") for source in Source for label in ("", "mobile", "fax")]
    mixed = [(n, plan(v, p)) for n, v, p in zip(every, [*Verdict] * 2, [YES, NO] * 12, strict=False)]
    person, records = sample.person(mobile, office), sample.records()
    ready = Presence(True, True)
    gaps = ["numbers-in-headers", "numbers-in-mail", "contacts", "other-contacts", "directory", "insert-numbers"]

    def card(
        who: Person | None,
        choices: list[tuple[FoundNumber, DialPlan]],
        others: Sequence[Person] = (),
        history: Sequence[CallRecord] = (),
        presence: Presence | None = ready,
        missing: Sequence[str] = (),
        asked: str = "ana@x.example",
        silent: bool = False,
    ) -> Card:
        return person_card(who, asked, choices, others, history, presence, missing, silent=silent, now=NOW, texts=texts)

    both = [(mobile, plan()), (office, plan())]
    quiet = [(mobile, plan(recording=NO)), (office, plan(recording=NO))]
    desk = plan(device=Device.DESK)
    return {
        "person": card(person, both, history=records[:3]),
        "person-not-recorded": card(person, quiet, [person]),
        "person-emergency": card(None, [(mobile, plan(Verdict.EMERGENCY, NO))]),
        "person-desk": card(person, [(mobile, desk)], presence=None),
        "person-refused": card(person, [(mobile, plan(Verdict.COUNTRY_NOT_ALLOWED)), (office, plan())]),
        "person-many": card(person, mixed, [person, person], records, missing=gaps),
        "person-unknown": card(None, [], asked=name),
        "person-silent": card(None, [], missing=gaps[3:4], silent=True),
        "person-nobody": card(None, [], asked=""),
        "person-blocked": card(person, [(mobile, plan(Verdict.BLOCKED))]),
        "person-limit": card(person, [(mobile, plan(Verdict.TOO_MANY_CALLS))]),
        "unread": unread_card(gaps, texts=texts),
        "person-unknown-number": card(None, [(office, plan(recording=NO))], asked=name),
    }


def _home(sample: Sample) -> dict[str, Card]:
    live = sample.live()
    ringing = replace(live, state=CallState.RINGING, seconds=0, recording=False)
    nobody = User(UserId("b"), TenantId("acme"), "b@acme.example", "")

    def card(
        presence: Presence | None, recent: Sequence[CallRecord] = (), settings: Settings = SETTINGS, user: User = USER
    ) -> Card:
        return homepage_card(user, presence, recent, settings, now=NOW, texts=sample.texts)

    problems = (
        "wrong-password", "unreachable", "refused", "untrusted-certificate", "wrong-certificate-name", "tls-failed"
    )  # fmt: skip
    return {
        "home": card(Presence(True, True), sample.records()),
        "home-live": card(Presence(True, True, (live, ringing)), sample.records()[:2]),
        "home-empty": card(None, [], Settings(), nobody),
        "home-desk": card(Presence(False, True), [], Settings(device=Device.DESK)),
        "home-nothing": card(Presence(False, True), [], Settings(), nobody),
    } | {f"home-{problem}": card(Presence(False, False, (), problem)) for problem in problems}


def _calls(sample: Sample) -> dict[str, Card]:
    texts, records = sample.texts, sample.records()
    recording, cut, held = sample.recording(), sample.recording(cut_short=True), sample.held()
    here = Presence(True, True)
    by_call = {CallId("c1"): recording, CallId("c2"): held}
    missed = record("m", Outcome.NO_ANSWER, Direction.INBOUND, "")
    withheld = replace(missed, peer=Party("", ""), recording_problem="", recording_rule=RecordingRule.USER_OFF)
    return {
        "recent": recent_calls_card(records, by_call, now=NOW, texts=texts),
        "recent-empty": recent_calls_card([], {}, now=NOW, texts=texts),
        "call": call_card(records[0], recording, Device.BROWSER, here, False, now=NOW, texts=texts),
        "call-blocked": call_card(missed, None, Device.BROWSER, here, True, now=NOW, texts=texts),
        "call-missed": call_card(missed, None, Device.DESK, None, now=NOW, texts=texts),
        "call-withheld": call_card(withheld, None, Device.BROWSER, here, now=NOW, texts=texts),
        "calling": calling_card("+593 98 765 4321", plan(), texts=texts, call="c9"),
        "live": live_card(sample.live(), texts=texts),
        "ended": ended_card("c9", texts=texts),
        "calling-desk": calling_card("1002", plan(recording=NO, device=Device.DESK), texts=texts, call="c9"),
        "recording": recording_card(recording, records[0], now=NOW, texts=texts),
        "recording-cut": recording_card(cut, records[0], now=NOW, texts=texts),
        "recording-held": recording_card(held, None, now=NOW, texts=texts),
        "delete": confirm_delete_card(recording, texts=texts),
    }


def _choices(sample: Sample) -> dict[str, Card]:
    texts, name = sample.texts, sample.name
    consent = Consent("i", ConsentKind.RECORDING, "2026-11", True, NOW, "card")
    refused = Consent("j", ConsentKind.CONTACTS, "1", False, NOW, "page")
    quiet = Tenant(TenantId("z"), "Z", (), recording_allowed=False)
    form = [FoundNumber(E164, sample.number, Source.BODY)]
    recordings = [sample.recording(), sample.held()]
    return {
        "settings": settings_card(USER, SETTINGS, TENANT, consent, texts=texts),
        "settings-none": settings_card(USER, Settings(retention_days=45), TENANT, None, texts=texts),
        "settings-off": settings_card(USER, SETTINGS, quiet, None, texts=texts),
        "my-data": my_data_card(recordings, 2, [consent, refused], now=NOW, texts=texts),
        "my-data-empty": my_data_card([], 1, [], now=NOW, texts=texts),
        "contact": add_contact_card(name, "a@x.example", form, "", texts=texts),
        "contact-error": add_contact_card(name, "a@x.example", form, texts.t("contact.error"), texts=texts),
        "compose": compose_card(USER, [E164, "1001"], texts=texts),
        "compose-empty": compose_card(USER, [], texts=texts),
        "no-phone": no_phone_card("+593 2 234 5678", "+59322345678", texts=texts),
        "problem": problem_card(texts.t("problem.title"), texts.t("problem.away"), texts=texts, retry=Action.REFRESH),
        "consent-first": consent_card(ConsentKind.RECORDING, None, E164, texts=texts),
    } | {f"consent-{kind.value}": consent_card(kind, consent, E164, texts=texts) for kind in ConsentKind}


def all_cards(language: str, name: str = "", number: str = "098 765 4321", organisation: str = "") -> dict[str, Card]:
    """Every card by a name of its own; `name`, `number` and `organisation` are the untrusted texts."""
    texts = Texts(language, "America/Guayaquil")
    sample = Sample(texts, name or "Ana Pérez", number, organisation or name or "QuitoTech")
    return _people(sample) | _home(sample) | _calls(sample) | _choices(sample)
