"""What the user chose, and the way to change it."""

from __future__ import annotations

from addon.domain.consent import Consent
from addon.domain.tenant import Settings, Tenant, User
from cards.surface import Action
from cards.text import LANGUAGES, Texts, plain, sentence
from cards.widgets import (
    Button,
    ButtonList,
    Card,
    Choice,
    DecoratedText,
    Do,
    SelectionInput,
    SwitchControl,
    TextParagraph,
    section,
)
from contract.calls import Device

RETENTION_DAYS = (1, 7, 30, 90, 180, 365)


def _consent_row(consent: Consent | None, texts: Texts) -> DecoratedText:
    if consent is None or not consent.granted:
        give = Button(texts.t("consent.give"), Do(Action.SHOW_CONSENT, {"kind": "recording"}))
        return DecoratedText(texts.html("settings.no_consent"), texts.html("settings.consent"), button=give)
    withdraw = Button(texts.t("consent.withdraw"), Do(Action.WITHDRAW_CONSENT, {"kind": "recording"}))
    given = texts.html("settings.consented", date=texts.date(consent.at), version=consent.version)
    return DecoratedText(given, texts.html("settings.consent"), button=withdraw)


def settings_card(
    user: User, settings: Settings, tenant: Tenant, recording_consent: Consent | None, *, texts: Texts
) -> Card:
    """Recording, how long recordings are kept, device, language, consent, my data."""
    days = sorted(
        {d for d in RETENTION_DAYS if d <= tenant.retention_max_days}
        | {min(settings.retention_days, tenant.retention_max_days)}
    )
    keep = tuple(
        Choice(texts.counted("settings.days", d), str(d), d == min(settings.retention_days, tenant.retention_max_days))
        for d in days
    )
    device = tuple(
        Choice(texts.t(f"device.{d.value}"), d.value, d is settings.device)
        for d in Device
        if d is Device.BROWSER or user.desk
    )
    language = (
        Choice(texts.t("language.auto"), "auto", not settings.language),
        *(Choice(texts.t(f"language.{code}"), code, settings.language == code) for code in LANGUAGES),
    )
    record = DecoratedText(
        texts.html("settings.record"), bottom=texts.html("settings.record_hint"),
        switch=SwitchControl("record_calls", settings.record_calls),
    )  # fmt: skip
    if not tenant.recording_allowed:
        record = DecoratedText(
            sentence(texts.html("rule.tenant-off")), texts.html("settings.record"), icon="not-recorded"
        )
    withdrawable = recording_consent is not None and recording_consent.granted
    consent_row = _consent_row(recording_consent, texts) if tenant.recording_allowed or withdrawable else None
    save = Button(
        texts.t("settings.save"), Do(Action.SAVE_SETTINGS, {"rev": str(settings.rev)}, keep_input=True), primary=True
    )
    return Card(
        "settings",
        texts.t("settings.title"),
        (
            section(record, consent_row, header=texts.t("settings.recording")),
            section(
                SelectionInput("retention_days", texts.t("settings.keep"), keep),
                TextParagraph(texts.html("settings.keep_hint", days=tenant.retention_max_days)),
                SelectionInput("device", texts.t("settings.device"), device, "RADIO_BUTTON"),
                SelectionInput("language", texts.t("settings.language"), language),
                ButtonList((save,)),
            ),
            section(
                ButtonList((Button(texts.t("data.title"), Do(Action.SHOW_MY_DATA)), Button(texts.t("settings.page"), Do(Action.OPEN_SETTINGS, dynamic=True)))),
            ),
        ),
        plain(user.email),
    )  # fmt: skip
