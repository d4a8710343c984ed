"""Words, times, durations and numbers as people read them; escaping of what others wrote."""

from __future__ import annotations

import html
import json
import re
import unicodedata
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from importlib import resources
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers

LANGUAGES = ("en", "es", "pt")
MAX_SHOWN = 120
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


# One visible ASCII line already: nothing to remove, no direction to isolate.
_SIMPLE = re.compile(r"[!-~]+(?: [!-~]+)*")
_HARMLESS = re.compile(r"[!#-%(-;=?-~]+(?: [!#-%(-;=?-~]+)*")
_MAYBE_RIGHT_TO_LEFT = re.compile(
    "[\u0590-\u08ff\u200f\ufb1d-\ufdff\ufe70-\ufefe\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})


def _catalogue(language: str) -> dict[str, str]:
    text = resources.files("cards").joinpath(f"catalog/{language}.json").read_text(encoding="utf-8")
    words: dict[str, str] = json.loads(text)
    return words


CATALOGUES = {language: _catalogue(language) for language in LANGUAGES}
REGIONS: dict[str, dict[str, str]] = json.loads(
    resources.files("cards").joinpath("catalog/regions.json").read_text(encoding="utf-8")
)


def plain(untrusted: str, limit: int = MAX_SHOWN) -> str:
    """Text from outside as one visible line: no control or direction characters, trimmed, right-to-left isolated."""
    if len(untrusted) <= limit and _SIMPLE.fullmatch(untrusted):
        return untrusted
    text = " ".join(_CONTROL.sub(" ", untrusted.encode("utf-8", "replace").decode()).split())
    if len(text) > limit:
        text = text[: limit - 1].rstrip() + "…"
    if _MAYBE_RIGHT_TO_LEFT.search(text) and any(unicodedata.bidirectional(c) in _RIGHT_TO_LEFT for c in text):
        return f"\u2068{text}\u2069"
    return text


def escaped(untrusted: str, limit: int = MAX_SHOWN) -> str:
    """The same for the text fields of a card, where Google reads a few HTML tags."""
    if len(untrusted) <= limit and _HARMLESS.fullmatch(untrusted):
        return untrusted
    return html.escape(plain(untrusted, limit))


def sentence(text: str) -> str:
    """The same words with a capital first letter; tags and entities are left alone."""
    return text[:1].upper() + text[1:]


@lru_cache(maxsize=4096)
def shown_number(address: str) -> str:
    """A number as people write it: international for E.164, unchanged for an extension."""
    if not address.startswith("+"):
        return plain(address, 40)
    try:
        number = phonenumbers.parse(address)
    except phonenumbers.NumberParseException:
        return plain(address, 40)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def _clock(moment: datetime) -> str:
    return f"{moment.hour:02d}:{moment.minute:02d}"


class Texts:
    """The catalogue of one reader: locale `es-EC` falls back to `es`, an unknown one to English."""

    languages = LANGUAGES

    def __init__(self, locale: str = "en", zone: str = "UTC") -> None:
        language = locale.replace("_", "-").split("-")[0].lower()
        self.language = language if language in LANGUAGES else "en"
        self._words = CATALOGUES[self.language]
        self._today: tuple[float, int] | None = None
        self._zone: tzinfo = UTC
        try:
            self._zone = ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self._zone = UTC

    def t(self, key: str, **values: object) -> str:
        """Plain text for titles and notifications; untrusted values are made visible text, `region` a country's name."""
        words = self._words[key]
        return words.format_map({k: plain(self._spelled(k, v)) for k, v in values.items()}) if values else words

    def html(self, key: str, **values: object) -> str:
        """Text for the fields where Google reads tags; values are escaped, the catalogue's own tags stay."""
        words = self._words[key]
        return words.format_map({k: escaped(self._spelled(k, v)) for k, v in values.items()}) if values else words

    def _spelled(self, name: str, value: object) -> str:
        return self.region(str(value)) if name == "region" else str(value)

    def counted(self, key: str, count: int, **values: object) -> str:
        """`key.one` or `key.other` with `count`."""
        return self.t(f"{key}.{'one' if count == 1 else 'other'}", count=count, **values)

    def _moment(self, at: float) -> datetime:
        return datetime.fromtimestamp(at, self._zone)

    def date(self, at: float) -> str:
        """`24 Nov 2026` in the reader's words and zone."""
        return self._date(self._moment(at))

    def _date(self, moment: datetime) -> str:
        month = self._words["months"].split()[moment.month - 1]
        return self._words["date"].format(day=moment.day, month=month, year=moment.year)

    def clock(self, at: float) -> str:
        """`14:05` in the reader's zone."""
        return _clock(self._moment(at))

    def day(self, at: float, *, now: float) -> str:
        """`Today`, `Yesterday` or the date."""
        return self._day(self._moment(at), now)

    def _day(self, moment: datetime, now: float) -> str:
        if self._today is None or self._today[0] != now:
            self._today = now, self._moment(now).toordinal()
        days = self._today[1] - moment.toordinal()
        return self._words["today" if days == 0 else "yesterday"] if days in (0, 1) else self._date(moment)

    def when(self, at: float, *, now: float) -> str:
        """`Today 14:05`, `Yesterday 09:30` or the date with the time."""
        moment = self._moment(at)
        return f"{self._day(moment, now)} {_clock(moment)}"

    def region(self, code: str) -> str:
        """The country of an ISO 3166-1 code, the code itself when it is none."""
        return REGIONS[self.language].get(code, code)

    def duration(self, seconds: float) -> str:
        """`0:09`, `12:30`, `1:02:03`."""
        whole = max(0, int(seconds))
        minutes, rest = divmod(whole, 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
