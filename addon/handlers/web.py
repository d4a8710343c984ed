"""What our own pages ask for: values in, plain JSON values out."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from addon.domain.call_record import CallRecord
from addon.domain.consent import RECORDING_TEXT_VERSION, ConsentKind
from addon.domain.dialing import DialPlan
from addon.domain.recordings import Recording
from addon.errors import BadInput, Gone, NeedsConsent, NotAllowed, StaleClick
from addon.handlers.request import Request
from addon.store.users import Stale
from addon.usecases.decide_consent import decide_consent
from addon.usecases.forget_recording import forget_recording
from addon.usecases.place_call import needs_consent, place_call, plan_call
from addon.usecases.save_settings import save_settings
from cards.person import what_happens
from cards.text import LANGUAGES, shown_number
from contract.calls import CallId, Device

MAX_CALLS = 100
MAX_NUMBER_CHARS = 200
_CLICK = re.compile(r"[A-Za-z0-9\-]{8,64}", re.ASCII)
_CALL = re.compile(r"[A-Za-z0-9_\-]{1,64}", re.ASCII)
Body = Mapping[str, Any]


def _text(body: Body, name: str, most: int = 64) -> str:
    value = body.get(name)
    if not isinstance(value, str) or len(value) > most:
        raise BadInput
    return value


def _flag(body: Body, name: str) -> bool:
    value = body.get(name)
    if not isinstance(value, bool):
        raise BadInput
    return value


def _whole(body: Body, name: str) -> int:
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
        raise BadInput
    return value


def call_id(text: str) -> CallId:
    """A call's id out of an address; raises Gone for what cannot be one."""
    if not _CALL.fullmatch(text):
        raise Gone
    return CallId(text)


def me(request: Request) -> dict[str, Any]:
    """Who is signed in."""
    user = request.user
    shown = {"id": user.id, "name": user.name, "email": user.email, "extension": user.extension, "desk": user.desk}
    return {"user": shown, "language": request.texts.language}


def _recording(recording: Recording | None) -> dict[str, Any] | None:
    if recording is None:
        return None
    held = bool(recording.holds)
    return {"purge_at": recording.purge_at, "seconds": recording.seconds, "held": held, "cut": recording.cut_short}


def _call(record: CallRecord, recording: Recording | None) -> dict[str, Any]:
    return {
        "call": record.call,
        "direction": record.direction.value,
        "device": record.device.value,
        "peer": {
            "address": record.peer.address,
            "name": record.peer.name,
            "shown": shown_number(record.peer.address) if record.peer.address else "",
        },
        "outcome": record.outcome.value,
        "started_at": record.started_at,
        "talk_seconds": record.talk_seconds,
        "missed": record.missed,
        "recording_rule": record.recording_rule.value,
        "recording_problem": record.recording_problem,
        "recording": _recording(recording),
    }


def calls(request: Request) -> dict[str, Any]:
    """The last calls, newest first, each with its recording's fate."""
    records = request.store.calls.latest(request.user.id, limit=MAX_CALLS)
    kept = request.store.recordings.get_many(request.user.id, [r.call for r in records if r.recording])
    return {"calls": [_call(record, kept.get(record.call)) for record in records]}


def one_call(request: Request, call: CallId) -> dict[str, Any]:
    """One call of mine."""
    record = request.store.calls.get(request.user.id, call)
    if record is None:
        raise Gone
    return _call(record, request.store.recordings.get(request.user.id, call))


def recordings(request: Request) -> dict[str, Any]:
    """Every recording of mine, newest first."""
    found = request.store.recordings.latest(request.user.id, limit=500)
    rows = [
        {
            "call": r.call,
            "peer": {"address": r.peer.address, "name": r.peer.name, "shown": shown_number(r.peer.address)},
            "started_at": r.started_at,
            "recording": _recording(r),
        }
        for r in found
    ]
    return {"recordings": rows}


def _plan(request: Request, to: str, device: Device) -> DialPlan:
    settings = replace(request.settings, device=device)
    return plan_call(to, request.user, request.tenant, settings, request.store, now=request.now)


def plan(request: Request, to: str) -> dict[str, Any]:
    """What will happen if I call `to` from this page."""
    found = _plan(request, to[:MAX_NUMBER_CHARS], Device.BROWSER)
    return {
        "may_call": found.may_call,
        "shown": found.shown or to[:MAX_NUMBER_CHARS],
        "lines": what_happens(found, request.texts),
    }


def place(request: Request, body: Body) -> dict[str, Any]:
    """Place a call; the page's own `id` makes a repeated request the same call."""
    to, click = _text(body, "to", MAX_NUMBER_CHARS), _text(body, "id")
    if not _CLICK.fullmatch(click):
        raise BadInput
    if _text(body, "device") not in set(Device):
        raise BadInput
    found = _plan(request, to, Device(_text(body, "device")))
    if not found.may_call:
        raise NotAllowed(found.verdict.value, found.region)
    if needs_consent(found, request.user, request.store):
        raise NeedsConsent
    callee = request.store.contacts.owner(request.user.id, found.e164) if found.e164 else None
    own = hashlib.sha256(f"{request.tenant.id}\n{request.user.id}\n{click}".encode()).hexdigest()[:32]
    call, verdict = place_call(
        found, request.user, request.tenant, request.store, request.ports, callee, CallId(f"web-{own}")
    )
    if call is None:
        raise NotAllowed(verdict.value, found.region)
    return {"call": call, "shown": found.shown or found.dial, "lines": what_happens(found, request.texts)}


def settings(request: Request) -> dict[str, Any]:
    """What I chose, and between which limits."""
    found = request.store.settings.get(request.user.id)
    consent = request.store.consents.latest(request.user.id, ConsentKind.RECORDING)
    return {
        "record_calls": found.record_calls,
        "retention_days": min(found.retention_days, request.tenant.retention_max_days),
        "device": found.device.value,
        "language": found.language,
        "rev": found.rev,
        "may_record": request.tenant.recording_allowed,
        "retention_max_days": request.tenant.retention_max_days,
        "has_desk": bool(request.user.desk),
        "consent": {"granted": consent.granted, "at": consent.at, "version": consent.version} if consent else None,
        "consent_version": RECORDING_TEXT_VERSION,
    }


def save(request: Request, body: Body) -> dict[str, Any]:
    """Save my choices; raises StaleClick when they changed meanwhile, BadInput for what is not on offer."""
    days, device, language = _whole(body, "retention_days"), _text(body, "device"), _text(body, "language")
    usable = device == Device.BROWSER or (device == Device.DESK and bool(request.user.desk))
    if not usable or language not in {"", *LANGUAGES} or not 1 <= days <= request.tenant.retention_max_days:
        raise BadInput
    wanted = replace(
        request.settings,
        record_calls=_flag(body, "record_calls"),
        retention_days=days,
        device=Device(device),
        language=language,
        rev=_whole(body, "rev"),
    )
    try:
        moved = save_settings(wanted, request.user.id, request.tenant, request.store, request.ports)
    except Stale as error:
        raise StaleClick from error
    return settings(request) | {"moved": moved}


def consents(request: Request) -> dict[str, Any]:
    """Every decision of mine, newest first."""
    decisions = [c for kind in ConsentKind for c in request.store.consents.history(request.user.id, kind)]
    rows = [
        {"kind": c.kind.value, "granted": c.granted, "version": c.version, "at": c.at, "where": c.where}
        for c in sorted(decisions, key=lambda c: -c.at)
    ]
    return {"consents": rows}


def decide(request: Request, body: Body) -> dict[str, Any]:
    """Store a decision."""
    try:
        kind = ConsentKind(_text(body, "kind"))
    except ValueError as error:
        raise BadInput from error
    made = decide_consent(kind, _flag(body, "granted"), request.user.id, "web", request.store, request.ports)
    consent = made.consent
    said = {"granted": consent.granted, "version": consent.version, "at": consent.at}
    return said | ({"warning": request.texts.t("notice.still_recording")} if made.still_recording else {})


def delete_recording(request: Request, call: CallId) -> dict[str, Any]:
    """Delete a recording of mine now, bytes and row."""
    forget_recording(call, request.user.id, request.user.id, request.store, request.ports)
    return {}


def begin_play(request: Request, call: CallId) -> Recording:
    """The recording of mine that is about to be heard, with its audit line; raises Gone."""
    found = request.store.recordings.get(request.user.id, call)
    if found is None:
        raise Gone
    request.store.audit.add(request.user.id, "recording.played", call, request.now)
    return found
