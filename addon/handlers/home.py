"""Homepage, device and data cards."""

from __future__ import annotations

from dataclasses import replace

from addon.domain.consent import ConsentKind
from addon.handlers.request import Request
from addon.store.users import Stale
from addon.usecases.save_settings import save_settings
from cards.compose import compose_card
from cards.homepage import homepage_card
from cards.my_data import my_data_card
from cards.reply import DraftEdit, Notify, OpenPage, Push, Reply, RequestScopes, Update
from cards.settings import settings_card
from cards.surface import SCOPES, Page
from cards.text import LANGUAGES, escaped, shown_number
from cards.widgets import Card
from contract.calls import Device


def home_of(request: Request) -> Card:
    """The homepage card as things are now."""
    recent = request.store.calls.latest(request.user.id, limit=5)
    return homepage_card(
        request.user, request.presence(), recent, request.settings, now=request.now, texts=request.texts
    )


def opened(request: Request) -> Reply:
    """The homepage trigger."""
    return Push(home_of(request))


def refresh(request: Request) -> Reply:
    """The same card again, as things are now."""
    return Update(home_of(request))


def choose_device(request: Request) -> Reply:
    """Browser and desk phone take turns."""
    other = Device.BROWSER if request.settings.device is Device.DESK or not request.user.desk else Device.DESK
    changed = replace(request.settings, device=other)
    notice = "notice.saved"
    try:
        save_settings(changed, request.user.id, request.tenant, request.store, request.ports)
    except Stale:
        notice = "problem.stale"
    now = request.with_settings(request.store.settings.get(request.user.id))
    return Update(home_of(now), now.texts.t(notice))


def settings_of(request: Request) -> Card:
    """The settings card as things are now."""
    consent = request.store.consents.latest(request.user.id, ConsentKind.RECORDING)
    return settings_card(request.user, request.settings, request.tenant, consent, texts=request.texts)


def show_settings(request: Request) -> Reply:
    """The settings card."""
    return Push(settings_of(request))


def open_settings(request: Request) -> Reply:
    """Open the settings page."""
    return OpenPage(Page.SETTINGS)


def _whole(text: str, otherwise: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else otherwise


def save(request: Request) -> Reply:
    """Save the form; an old form is shown again as things are now, nonsense leaves what was chosen before."""
    event, current, tenant = request.event, request.settings, request.tenant
    device, language = event.input("device"), event.input("language")
    usable = device in set(Device) and (device != Device.DESK or bool(request.user.desk))
    days = _whole(event.input("retention_days"), 0)
    wanted = replace(
        current,
        record_calls=event.input("record_calls") == "on" if tenant.recording_allowed else current.record_calls,
        retention_days=days if 1 <= days <= tenant.retention_max_days else current.retention_days,
        device=Device(device) if usable else current.device,
        language=language if language in LANGUAGES else "" if language == "auto" else current.language,
        rev=_whole(request.parameter("rev"), -1),
    )
    notice = "notice.saved"
    try:
        save_settings(wanted, request.user.id, tenant, request.store, request.ports)
    except Stale:
        notice = "problem.stale"
    now = request.with_settings(request.store.settings.get(request.user.id))
    return Update(settings_of(now), now.texts.t(notice))


def my_data(request: Request) -> Reply:
    """What is held about me."""
    store, user = request.store, request.user.id
    decisions = [c for kind in ConsentKind for c in store.consents.history(user, kind)]
    calls = store.calls.count(user)
    recordings = sorted(store.recordings.every(user), key=lambda r: -r.started_at)
    return Push(my_data_card(recordings, calls, decisions, now=request.now, texts=request.texts))


def compose(request: Request) -> Reply:
    """The compose trigger."""
    numbers = [request.user.extension] if request.user.extension else []
    return Push(compose_card(request.user, numbers, texts=request.texts))


def insert_numbers(request: Request) -> Reply:
    """Insert the ticked numbers into the draft."""
    scope = next(s for s in SCOPES if s.feature == "insert-numbers")
    if scope.url not in request.event.tokens.scopes:
        return RequestScopes((scope.url,))
    mine = {request.user.extension}
    chosen = [n for n in request.event.inputs.get("numbers", ()) if n and n in mine]
    if not chosen:
        return Notify(request.texts.t("compose.pick"))
    lines = [f"{request.texts.html('home.extension', extension=shown_number(n))}" for n in chosen]
    return DraftEdit(f"<p>{escaped(request.user.name)}<br>{'<br>'.join(lines)}</p>")
