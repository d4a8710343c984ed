"""Telephone numbers in mail text: what is one, in which country, whose extension, and where it stood."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

import phonenumbers
from phonenumbers import Leniency, PhoneNumberFormat, PhoneNumberMatcher

from addon.domain.number_context import is_something_else, label_of
from addon.domain.people import FoundNumber, Source

MAX_TEXT = 200_000
MAX_LINE = 2_000
# A mail with more digits is a table or a log: its head and its end, where the signature is, are read.
FIRST_LINES, LAST_LINES = 1_000, 200
FIRST_CHARS, LAST_CHARS = 24_000, 6_000
MAX_TRIES = 60
MAX_FOUND = 100

_INVISIBLE = re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_DASHES = re.compile(r"[\u2010-\u2015\u2212]")
_SPACES = re.compile(r"[\t\u00a0\u2000-\u200a\u202f\u3000]")
_NEVER = re.compile(
    r"https?://\S+|www\.\S+|\b[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}/\S+"  # addresses of pages
    r"|[\w.+-]+@[\w-]+(?:\.[\w-]+)+|(?<!\w)@\w+|\b(?:skype|sips?|live|xmpp):\S+"  # mail addresses, nicknames
    r"|\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b(?![\d-])"  # IPv4
    r"|\b\d{4}-\d{1,2}-\d{1,2}(?:[T ]\d{1,2}:\d{2}(?::\d{2})?)?\b"  # ISO dates
    r"|\b\d{1,2}[/.]\d{1,2}[/.]\d{2,4}(?:\s+\d{1,2}:\d{2})?\b"  # other dates
    r"|\b\d{1,2}:\d{2}(?::\d{2})?\b"  # times
    r"|\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,4})?\b"  # IBAN
    r"|(?:US\$|R\$|[$€£]|\b(?:USD|EUR|COP|MXN|ARS|BRL|GBP)\b)\s*[\d.,]+(?:\s\d{3})*"  # prices
    r"|\b[\d.,]+\s?(?:USD|EUR|COP|MXN|ARS|BRL|GBP|€|%|kg|km|GB|MB)\b"
    r"|\b\d{2}\.\d{3}\.\d{3}/\d{4}-\d{2}\b|\b\d{3}\.\d{3}\.\d{3}-\d{2}\b"  # CNPJ, CPF
    r"|\b(?:20|23|24|27|30|33|34)-\d{8}-\d\b"  # CUIT
    r"|\b\d{4}[ -]\d{4}[ -]\d{4}[ -]\d{4}\b"  # payment cards
    r"|\d(?:[ ./-]{1,2}\d){15,}"  # drawn lines and scores
    r"|\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b",
)
_MEXICAN_ONE = re.compile(r"\+52[ -]?1[ -]?(?=\d{2,3}[ -]?\d{3,4}[ -]?\d{4})")
_EXIT_CODE = re.compile(r"(?<![\d+./-])(?<!\d[ (])(?:00|0011|001(?=[ -]\d{3}\b))(?=[ -]?[1-9](?:[ ().-]*\d){6})")
_BARE_COUNTRY = re.compile(r"(^|[:\s])\(?(593(?=[ -]?\d)|(?:57|52|54|55|44|49|51|56)(?=[ -]))[ -]?(?=\d{1,2}\)[ -]?\d)")
_OLD_MEXICAN_TRUNK = re.compile(r"(?<![\d+])(?:044|045|01)[ -]?(?=\(?\d{2,3}\)?[ -]\d{3,4}[ -]\d{4}\b)")
_MIDDLE_DOT = re.compile(r"(?<=\d)[·•‧](?=\d)")
_GLUED_LABEL = re.compile(r"(?<=\d)(?=(?:e-?mail|mail|correo|tel|cel|fax|mob|web|www|ext)[:.])", re.IGNORECASE)
_VANITY = re.compile(r"\b1?[ .-]?8(?:00|88|77|66|55|44|33)[ .-][A-Z]{7}\b")
_EXTENSION = re.compile(
    r"^\W{0,3}(?:ext(?:ensi[óo]n|ension|n)?|x|ramal|anexo|interno|int|durchwahl|dw|#)\W{0,3}(\d{1,6})\b", re.IGNORECASE
)
_SIGN_OFF = re.compile(
    r"^\W*(?:--|(?:(?:kind|best|warm|many)\s+)?(?:regards|thanks|wishes)|cheers|sincerely|yours|thank you|"
    r"saludos|un saludo|atentamente|cordialmente|gracias|abra[çz]os?|att|atenciosamente|obrigad[oa]|cumprimentos|"
    r"mit freundlichen gr[üu](?:ß|ss)en|viele gr[üu](?:ß|ss)e|beste gr[üu](?:ß|ss)e|lg|mfg)\b",
    re.IGNORECASE,
)
_COUNTRIES = {
    "EC": r"ecuador|quito|guayaquil|cuenca\b|\.ec\b",
    "CO": r"colombia|bogot[áa]|medell[íi]n|cali\b|barranquilla|\.co\b",
    "MX": r"m[ée]xico|cdmx|guadalajara|monterrey|puebla|\.mx\b",
    "AR": r"argentina|buenos aires|caba\b|rosario|c[óo]rdoba, arg|\.ar\b",
    "BR": r"brasil|brazil|s[ãa]o paulo|rio de janeiro|curitiba|belo horizonte|porto alegre|bras[íi]lia|\.br\b",
    "US": r"\busa\b|united states|new york|california|texas|florida|san francisco|chicago|boston|seattle|miami|austin",
    "GB": r"united kingdom|\buk\b|london|manchester|birmingham|leeds|bristol|edinburgh|glasgow|england|scotland|\.uk\b",
    "DE": r"deutschland|germany|berlin|m[üu]nchen|munich|hamburg|k[öo]ln|frankfurt|stuttgart|d[üu]sseldorf|leipzig|gmbh|\.de\b",
    "PE": r"per[úu]\b|\blima\b|\.pe\b",
    "CL": r"\bchile\b|santiago de chile|\.cl\b",
    "ES": r"espa[ñn]a|madrid|barcelona|\bspain\b|\.es\b",
}
_COUNTRY = {region: re.compile(words, re.IGNORECASE) for region, words in _COUNTRIES.items()}


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    signature: bool
    region: str


def _clean(text: str) -> str:
    text = unicodedata.normalize("NFKC", text[:MAX_TEXT])
    return _SPACES.sub(" ", _DASHES.sub("-", _INVISIBLE.sub("", text)))


def _named(text: str) -> str:
    return next((region for region, words in _COUNTRY.items() if words.search(text)), "")


def _region_near(named: list[str], at: int, fallback: str) -> str:
    """The country named nearest to a line: its own words first, then the five lines around, then the fallback."""
    order = sorted(range(max(0, at - 5), min(len(named), at + 6)), key=lambda i: abs(i - at))
    return next((named[i] for i in order if named[i]), fallback)


def _split(text: str) -> list[str]:
    """Lines of at most 2000 characters, cut at blanks."""
    lines: list[str] = []
    for line in text.split("\n"):
        while len(line) > MAX_LINE:
            cut = line.rfind(" ", MAX_LINE // 2, MAX_LINE)
            cut = cut if cut > 0 else MAX_LINE
            lines.append(line[:cut])
            line = line[cut:]
        lines.append(line)
    return lines


def _head_and_end(lines: list[str], wanted: list[int]) -> list[int]:
    """Those of the wanted lines that are read: the first and the last ones, up to a bounded amount of text."""
    sizes = list(accumulate(len(lines[at]) for at in wanted))
    total = sizes[-1] if sizes else 0
    first = bisect_right(sizes, FIRST_CHARS)
    last = bisect_right(sizes, total - LAST_CHARS)
    first, last = min(max(first, 1), FIRST_LINES), max(min(last, len(wanted) - 1), len(wanted) - LAST_LINES)
    return wanted if last <= first else [*wanted[:first], *wanted[last:]]


def _lines(text: str, region: str, hint: str) -> Iterator[_Line]:
    lines = _split(_clean(text))
    region = (_named(hint) if hint else "") or region
    digits = [at for at, line in enumerate(lines) if any(c.isdigit() for c in line)]
    digits = _head_and_end(lines, digits)
    signed_at = next((at for at, line in enumerate(lines) if _SIGN_OFF.match(line)), len(lines))
    near = {i for at in digits for i in range(max(0, at - 5), min(len(lines), at + 6))}
    named = [_named(line) if at in near else "" for at, line in enumerate(lines)]
    for at in digits:
        yield _Line(lines[at], at >= signed_at, _region_near(named, at, region))


def _blank(line: str, region: str) -> str:
    """The line with everything that can never be a number replaced, and each spelling made one that is understood."""
    line = _MIDDLE_DOT.sub(".", _GLUED_LABEL.sub(" ", line))
    line = _MEXICAN_ONE.sub("+52 ", _EXIT_CODE.sub("+", line))
    if region == "MX":
        line = _OLD_MEXICAN_TRUNK.sub("", line)
    line = _VANITY.sub(lambda m: phonenumbers.convert_alpha_characters_in_number(m.group()), line)
    return _BARE_COUNTRY.sub(r"\1+\2 ", _NEVER.sub(lambda m: "~" * len(m.group()), line))


def _plausible(line: str, start: int, end: int, written: str) -> bool:
    before, after = line[:start], line[end:]
    if is_something_else(before, after, written):
        return False
    before = before.rstrip("*_")
    glued = re.search(r"[\w~][-.]?$", before) and not written.startswith("+")
    if glued and not re.search(r"(?:^|\W)[A-Za-z]{1,3}\.?$", before):
        return False
    return not re.match(r"[-_]?[A-Za-z~]\w*\d|[-_]\d|[-_][A-Z]\b", after)


def _in_line(line: _Line) -> Iterator[FoundNumber]:
    text = _blank(line.text, line.region)
    for match in PhoneNumberMatcher(text, line.region, leniency=Leniency.VALID, max_tries=MAX_TRIES):
        if not _plausible(text, match.start, match.end, match.raw_string):
            continue
        number = match.number
        extension = number.extension or ""
        if not extension and (found := _EXTENSION.match(text[match.end :])):
            extension = found.group(1)
        yield FoundNumber(
            e164=phonenumbers.format_number(number, PhoneNumberFormat.E164),
            shown=match.raw_string,
            source=Source.SIGNATURE if line.signature else Source.BODY,
            label=label_of(text[: match.start]),
            extension=extension,
            region=phonenumbers.region_code_for_number(number) or "",
        )


def find(text: str, region: str, hint: str = "") -> list[FoundNumber]:
    """The distinct numbers of a mail, in order; at most 100.

    `region` (ISO 3166) reads national spellings unless the text names a country nearby; `hint` is the sender's
    mail domain, which counts before `region`. A number that also stands in the signature is named SIGNATURE.
    """
    found: dict[str, FoundNumber] = {}
    for line in _lines(text, region, hint):
        for number in _in_line(line):
            earlier = found.get(number.e164)
            if earlier is None or (number.source is Source.SIGNATURE and earlier.source is Source.BODY):
                found[number.e164] = number
        if len(found) >= MAX_FOUND:
            break
    return list(found.values())[:MAX_FOUND]
