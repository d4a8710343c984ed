"""Calls, recordings and consents from clicks."""

from __future__ import annotations

from addon.domain.call_record import CallRecord
from addon.domain.consent import ConsentKind
from addon.domain.dialing import DialPlan, Verdict, e164_of
from addon.errors import Gone, PartAway
from addon.handlers.home import home_of, settings_of
from addon.handlers.request import Request
from addon.ports.telephony import TelephonyAway
from addon.usecases.decide_consent import decide_consent
from addon.usecases.fold_events import keep_call
from addon.usecases.forget_recording import forget_recording
from addon.usecases.place_call import needs_consent, place_call, plan_call
from cards.call import call_card, calling_card, ended_card, live_card
from cards.consent import consent_card
from cards.problem import no_phone_card, problem_card
from cards.recent_calls import recent_calls_card
from cards.recording import confirm_delete_card, recording_card
from cards.reply import Notify, OpenPage, PopThen, PopToRoot, Push, Reply, Update
from cards.surface import Action, Page
from cards.widgets import Card, Do
from contract.calls import CallId, Device
from contract.commands import HangUp


def place(request: Request) -> Reply:
    """Call what was clicked or typed; asks for the consent first when only that is missing for the recording."""
    to = request.parameter("to") or request.event.input("to")
    if not to.strip():
        return Notify(request.texts.t("verdict.no-number"))
    plan = plan_call(to, request.user, request.tenant, request.settings, request.store, now=request.now)
    if plan.may_call and needs_consent(plan, request.user, request.store):
        return Push(consent_card(ConsentKind.RECORDING, None, to, texts=request.texts))
    return _place(request, to, plan)


def _place(request: Request, to: str, plan: DialPlan) -> Reply:
    texts = request.texts
    try:
        if plan.may_call and plan.device is Device.BROWSER and not _has_window(request):
            return Push(no_phone_card(plan.shown, to, texts=texts))
        call, verdict = _placed(request, plan)
    except PartAway:
        words = texts.t("problem.emergency" if plan.verdict is Verdict.EMERGENCY else PartAway.key)
        return Push(problem_card(plan.shown, words, texts=texts, retry=Do(Action.PLACE_CALL, {"to": to})))
    if call is None:
        words = texts.t(f"verdict.{verdict.value}", region=plan.region)
        unblock = Do(Action.UNBLOCK_NUMBER, {"to": plan.e164}) if verdict is Verdict.BLOCKED else None
        return Push(problem_card(plan.shown or to, words, texts=texts, retry=unblock, way_out="block.remove"))
    return Push(calling_card(plan.shown, plan, texts=texts, call=call))


def _has_window(request: Request) -> bool:
    presence = request.presence()
    if presence is None:
        raise PartAway
    return presence.webphone


def _placed(request: Request, plan: DialPlan) -> tuple[CallId | None, Verdict]:
    if not plan.may_call:
        return None, plan.verdict
    callee = request.store.contacts.owner(request.user.id, plan.e164) if plan.e164 else None
    return place_call(plan, request.user, request.tenant, request.store, request.ports, callee)


def open_phone(request: Request) -> Reply:
    """Open the webphone's window; a button that calls what was typed needs something typed."""
    to = request.parameter("to") or request.event.input("to")
    if request.parameter("typed") and not to.strip():
        return Notify(request.texts.t("verdict.no-number"))
    return OpenPage(Page.PHONE, dial=to)


def open_recording(request: Request) -> Reply:
    """Open the player of one recording of mine."""
    if request.store.recordings.get(request.user.id, request.call()) is None:
        raise Gone
    return OpenPage(Page.RECORDING, {"id": request.call()})


def hang_up(request: Request) -> Reply:
    """End a live call of mine; one that is over already is as good."""
    try:
        done = request.ports.telephony.send(HangUp(request.call(), request.tenant.id, request.user.id))
    except TelephonyAway as error:
        raise PartAway from error
    if done.ended is not None:
        keep_call(done.ended, request.tenant, request.store)
    notice = "notice.hung_up" if done.accepted else "notice.call_over"
    card = _followed(request) if request.parameter("follow") else home_of(request)
    return Update(card, request.texts.t(notice))


def follow(request: Request) -> Reply:
    """The call that was placed, as it is now."""
    return Update(_followed(request))


def _followed(request: Request) -> Card:
    """A live call, a finished one with how it went, or that it is over while its record is on the way."""
    record = request.store.calls.get(request.user.id, request.call())
    if record is not None:
        return _finished(request, record)
    presence = request.presence()
    if presence is None:
        raise PartAway
    live = next((call for call in presence.calls if call.call == request.call()), None)
    if live is None:
        return ended_card(request.call(), texts=request.texts)
    return live_card(live, texts=request.texts)


def recent(request: Request) -> Reply:
    """Earlier calls with their recordings."""
    records = request.store.calls.latest(request.user.id, limit=40)
    recordings = request.store.recordings.get_many(request.user.id, [r.call for r in records if r.recording])
    return Push(recent_calls_card(records, recordings, now=request.now, texts=request.texts))


def show_call(request: Request) -> Reply:
    """One finished call."""
    record = request.store.calls.get(request.user.id, request.call())
    if record is None:
        raise Gone
    return Push(_finished(request, record))


def _finished(request: Request, record: CallRecord) -> Card:
    recording = request.store.recordings.get(request.user.id, record.call)
    e164 = e164_of(record.peer.address, request.tenant.region)
    blocked = request.store.blocks.is_blocked(request.user.id, e164) if e164 else None
    return call_card(
        record, recording, request.settings.device, request.presence(), blocked, now=request.now, texts=request.texts
    )


def show_recording(request: Request) -> Reply:
    """One recording of mine."""
    recording = request.store.recordings.get(request.user.id, request.call())
    if recording is None:
        raise Gone
    record = request.store.calls.get(request.user.id, recording.call)
    return Push(recording_card(recording, record, now=request.now, texts=request.texts))


def ask_delete(request: Request) -> Reply:
    """What deleting means."""
    recording = request.store.recordings.get(request.user.id, request.call())
    if recording is None:
        raise Gone
    return Push(confirm_delete_card(recording, texts=request.texts))


def delete(request: Request) -> Reply:
    """Delete it now, bytes and row."""
    forget_recording(request.call(), request.user.id, request.user.id, request.store, request.ports)
    return PopToRoot(request.texts.t("notice.deleted"))


def _kind(request: Request) -> ConsentKind:
    try:
        return ConsentKind(request.parameter("kind"))
    except ValueError as error:
        raise Gone from error


def show_consent(request: Request) -> Reply:
    """The decision with what each answer means."""
    kind = _kind(request)
    latest = request.store.consents.latest(request.user.id, kind)
    return Push(consent_card(kind, latest, request.parameter("to"), texts=request.texts))


def _decided(request: Request, granted: bool) -> Reply:
    made = decide_consent(_kind(request), granted, request.user.id, "card", request.store, request.ports)
    words = "notice.consented" if granted else "notice.refused"
    notice = request.texts.t("notice.still_recording" if made.still_recording else words)
    to = request.parameter("to")
    if not to:
        return PopToRoot(notice)
    plan = plan_call(to, request.user, request.tenant, request.settings, request.store, now=request.now)
    reply = _place(request, to, plan)
    return PopThen(reply.card, notice) if isinstance(reply, Push) else reply


def grant(request: Request) -> Reply:
    """Yes."""
    return _decided(request, True)


def refuse(request: Request) -> Reply:
    """No: the call goes on unrecorded."""
    return _decided(request, False)


def withdraw(request: Request) -> Reply:
    """Take a yes back: calls that are up stop being recorded too."""
    made = decide_consent(_kind(request), False, request.user.id, "card", request.store, request.ports)
    notice = request.texts.t("notice.still_recording" if made.still_recording else "notice.withdrawn")
    return Update(settings_of(request), notice)
