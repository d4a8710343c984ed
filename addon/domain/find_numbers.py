"""Telephone numbers in mail text: what is one, in which country, whose extension, and where it stood."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import accumulate

import phonenumbers
from phonenumbers import Leniency, PhoneNumberFormat, PhoneNumberMatcher

from addon.domain.national_shapes import ascii_digits, is_international
from addon.domain.number_context import is_something_else, label_of
from addon.domain.number_country import MIN_DIGITS, Evidence, of_line
from addon.domain.number_place import in_city
from addon.domain.people import FoundNumber, Source
from addon.domain.spelling import is_public

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
    r"|\b(?<!\d\.)\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b(?![\d-]|\.\d)"  # IPv4
    r"|\b\d{4}-\d{1,2}-\d{1,2}(?:[T ]\d{1,2}:\d{2}(?::\d{2})?)?\b"  # ISO dates
    r"|(?<![\d./])\d{1,2}[/.]\d{1,2}[/.](?:\d{4}|\d\d)(?![./]?\d)(?:\s+\d{1,2}:\d{2})?\b"  # other dates
    r"|\b\d{1,2}:\d{2}(?::\d{2})?\b"  # times
    r"|\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,4})?\b"  # IBAN
    r"|(?:US\$|R\$|[$€£]|\b(?:USD|EUR|COP|MXN|ARS|BRL|GBP)\b)\s*[\d.,]+(?:\s\d{3})*"  # prices
    r"|\b[\d.,]+\s?(?:USD|EUR|COP|MXN|ARS|BRL|GBP|€|%|kg|km|GB|MB)\b"
    r"|\b\d{2}\.\d{3}\.\d{3}/\d{4}-\d{2}\b|\b\d{3}\.\d{3}\.\d{3}-\d{2}\b"  # CNPJ, CPF
    r"|\b(?:20|23|24|27|30|33|34)-\d{8}-\d\b"  # CUIT
    r"|\b\d{4}[ -]\d{4}[ -]\d{4}[ -]\d{4}\b"  # payment cards
    r"|\d(?:[ ./-]{1,2}\d){15,}"  # drawn lines and scores
    r"|\b\d{5}\.\d{5} \d{5}\.\d{6}[ \d.]*|\b[Ll](?:at|ong?)\w{0,8}\W{1,3}\d{1,3}\.\d+"  # boletos, coordinates
    r"|\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b",
)
_MEXICAN_ONE = re.compile(r"\+52[ -]?1[ -]?(?=\d{2,3}[ -]?\d{3,4}[ -]?\d{4})")
# An Ecuadorian invoice, 001-002-000123456, begins like a call abroad; no area code begins with 0 or 1.
_EXIT_CODE = re.compile(
    r"(?<![\d+./-])(?<!\d[ (])(?!0\d\d-[01]\d\d-\d{4,9}\b)(?:00|0011|001(?=[ -]\d{3}\b))(?=[ -]?[1-9](?:[ ().-]*\d){6})"
)
_BARE_COUNTRY = re.compile(r"(^|[:\s])\(?(593(?=[ -]?\d)|(?:57|52|54|55|44|49|51|56)(?=[ -]))[ -]?(?=\d{1,2}\)[ -]?\d)")
_OLD_MEXICAN_TRUNK = re.compile(r"(?<![\d+])(?:044|045|01)[ -]?(?=\(?\d{2,3}\)?[ -]\d{3,4}[ -]\d{4}\b)")
_CODE_IN_PARENS = re.compile(r"(\+\d{1,3})\)(?=\()")
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
_RUN = re.compile(r"\(?\d(?:[ ().\-/]{0,3}\d){6,}")
_EXAMPLES = re.compile(
    r"(?:\+44[ .-]?(?:\(0\)[ .-]?)?|\(?0)7700\)?[ .-]?900[ .-]?\d{3}(?!\d)"
)  # Ofcom: numbers for drama
_LAST_DIGITS = re.compile(r"(?<=\d{4})(?:\s?/\s?\d{1,2})+$")  # "02 234 5678 / 79": two lines
_SAME_AREA = re.compile(
    r"\s?(?:/|,|\b(?:y|e|o|ou|and|und|et|&)\b)\s?(\d{3,4}[ .-]\d{4})(?![-\d]|[ .]\d)"
)  # "290-3311 / 290-3312"
_YEAR = re.compile(r"(?:19|20)\d\d$")
_SAME_GROUP = re.compile(r"\s?/\s?(\d{3,4})(?!\d|[-.,]\d|/\d{1,3}\b|\s?%)")  # "2555-1234/1235"
_CUTS = tuple(map(re.compile, (r"\s+[-/]\s+|\s{2,}", r"\s*/\s*", r"(?<=\d{7})\s(?=\(?0)")))

Span = tuple[int, int, str | None]


def _clean(text: str) -> str:
    text = unicodedata.normalize("NFKC", text[:MAX_TEXT])
    return _SPACES.sub(" ", _DASHES.sub("-", _INVISIBLE.sub("", text)))


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


def _read(lines: list[str], wanted: list[int], evidence: Evidence) -> dict[int, str]:
    """The lines that have digits, spelled plainly, after every line that is read has given its evidence."""
    spelled = {at: _blank(lines[at]) for at in wanted}
    first, last = (wanted[0], wanted[-1]) if wanted else (0, 0)
    chars = 0
    for at in (*range(first, last + 6), *range(first - 1, -1, -1)):
        if at >= len(lines) or not lines[at].strip():
            continue
        evidence.lines[at] = of_line(lines[at][:MAX_LINE], spelled.get(at, ""), evidence.spoken)
        chars += len(lines[at])
        if chars > FIRST_CHARS + LAST_CHARS and at not in spelled:
            break
    return spelled


def _blank(line: str) -> str:
    """The line with everything that can never be a number replaced, and each spelling made one that is understood."""
    line = _CODE_IN_PARENS.sub(r"\1 ", line)
    line = _MIDDLE_DOT.sub(".", _GLUED_LABEL.sub(" ", line))
    line = _MEXICAN_ONE.sub("+52 ", _EXIT_CODE.sub("+", line))
    line = _VANITY.sub(lambda m: phonenumbers.convert_alpha_characters_in_number(m.group()), line)
    return " " + _BARE_COUNTRY.sub(r"\1+\2 ", _NEVER.sub(lambda m: "~" * len(m.group()), line))


def _plausible(line: str, start: int, end: int) -> bool:
    """Whether digits, as the mail has them, stand where a telephone number would."""
    start = end - len(line[start:end].lstrip(" "))
    before, written, after = line[:start], line[start:end], line[end:]
    if is_something_else(before, after, written):
        return False
    before = before.rstrip("*_")
    glued = re.search(r"[\w~][-.]?$", before) and not written.startswith("+")
    if glued and not re.search(r"(?:^|\W)[A-Za-z]{1,3}\.?$", before):
        return False
    return not re.match(r"[-_]?[A-Za-z~]\w*\d|[-_]\d|[-_][A-Z]\b", after)


def _countries(text: str, at: int, evidence: Evidence) -> list[Span]:
    """Start, end and country of each national spelling on the line; a country None is not to be guessed."""
    found: list[Span] = []
    for run in _RUN.finditer(text):
        if not text[: run.start()].rstrip(" (").endswith("+"):
            end = run.start() + len(_LAST_DIGITS.sub("", run.group()))
            if in_city(text[: run.start()], text[run.start() : run.end()], text[run.end() :]):
                found.append((run.start(), run.end(), None))
                continue
            found += _spans(text, run.start(), end, at, evidence)
    return found


def _spans(text: str, start: int, end: int, at: int, evidence: Evidence) -> list[Span]:
    """The run as one number when a country knows it so, else its pieces that are long enough."""
    whole = evidence.choose(at, text[:start], text[start:end], text[end:])
    if whole:
        return [(start, end, whole)]
    for cut in _CUTS:
        cuts = list(cut.finditer(text, start, end))
        bounds = zip([start, *(m.end() for m in cuts)], [*(m.start() for m in cuts), end], strict=True)
        pieces = [(a, b) for a, b in bounds if cuts and sum(c.isdigit() for c in text[a:b]) >= MIN_DIGITS]
        found = [(a, b, evidence.choose(at, text[:a], text[a:b], text[b:])) for a, b in pieces]
        if any(country for _, _, country in found):
            return found
    return [(start, end, whole)]


def _with_codes(text: str, spans: list[Span]) -> str:
    """The line with a plus in front of each number that begins with its country's code."""
    for start, end, country in spans:
        digits = ascii_digits("".join(c for c in text[start:end] if c.isdigit()))
        if country and start and not text[start - 1].isalnum() and is_international(digits, country):
            text = f"{text[: start - 1]}+{text[start:]}"
    return text


def _matches(text: str, spans: list[Span], home: str) -> Iterator[tuple[int, int, str, phonenumbers.PhoneNumber]]:
    """What libphonenumber reads on the line: national spellings where their country was chosen, and numbers with a plus."""
    for region in dict.fromkeys(country for _, _, country in spans if country) or (home,):
        line = _OLD_MEXICAN_TRUNK.sub(lambda m: " " * len(m.group()), text) if region == "MX" else text
        for match in PhoneNumberMatcher(line, region, leniency=Leniency.VALID, max_tries=MAX_TRIES):
            own = next((span for span in spans if span[0] < match.end and match.start < span[1]), None)
            if match.raw_string.startswith(("+", "(+")) or (own is not None and own[2] == region):
                yield match.start, match.end, match.raw_string, match.number
    for start, end, country in spans:
        if not country and (e164 := in_city(text[:start], text[start:end], text[end:])):
            start += len(text[start:end]) - len(text[start:end].lstrip("("))
            yield start, end, text[start:end], phonenumbers.parse(e164)
    for example in _EXAMPLES.finditer(text):
        if example.group().startswith("+") or any(a <= example.start() < b and c == "GB" for a, b, c in spans):
            yield example.start(), example.end(), example.group(), phonenumbers.parse(example.group(), "GB")


def _in_line(text: str, at: int, source: Source, evidence: Evidence) -> Iterator[FoundNumber]:
    if not _RUN.search(text):
        return
    spans = _countries(text, at, evidence)
    plain, text = text, _with_codes(text, spans)
    end_of_last = 0
    for start, end, written, number in sorted(_matches(text, spans, evidence.home), key=lambda found: found[:2]):
        if start >= end_of_last and _plausible(plain, start, end):
            end_of_last = end
            first = _found(number, written, text[:start], text[end:], source)
            yield first
            yield from _same_area(first, text, end)


def _same_area(first: FoundNumber, text: str, end: int) -> Iterator[FoundNumber]:
    """The second line behind a number, written without the area code that both have."""
    if not first.shown.endswith(first.e164[-4:]):
        return
    last_group = re.findall(r"\d+", first.shown)[-1]
    while second := _SAME_AREA.match(text, end) or _SAME_GROUP.match(text, end):
        end = second.end()
        local = "".join(c for c in second[1] if c.isdigit())
        is_group = local == second[1]
        if is_group and (len(local) != len(last_group) or (_YEAR.match(local) and local[:2] != last_group[:2])):
            return
        number = phonenumbers.parse(first.e164[: -len(local)] + local)
        if is_public(number) and len(local) < len(str(number.national_number)):
            yield replace(_found(number, second[1], "", text[end:], first.source), label=first.label)


def _dialled(number: phonenumbers.PhoneNumber, label: str) -> str:
    """Its E.164 form; an Argentine mobile is called with a 9 that its owner leaves out at home."""
    e164 = str(phonenumbers.format_number(number, PhoneNumberFormat.E164))
    return f"+549{e164[3:]}" if label == "mobile" and e164.startswith("+54") and len(e164) == 13 else e164


def _found(number: phonenumbers.PhoneNumber, written: str, before: str, after: str, source: Source) -> FoundNumber:
    extension = number.extension or ""
    if not extension and (said := _EXTENSION.match(after)):
        extension = said.group(1)
    label = label_of(before)
    region = phonenumbers.region_code_for_number(number) or phonenumbers.region_code_for_country_code(
        number.country_code or 0
    )
    return FoundNumber(_dialled(number, label), written, source, label, extension, region)


def find(text: str, region: str, sender: str = "", known: Iterable[str] = ()) -> list[FoundNumber]:
    """The distinct numbers of a mail, in order; at most 100.

    `region` (ISO 3166) is the reader's country, `sender` the mail address (or its domain) of whom the mail is about,
    `known` the E.164 numbers that they have elsewhere: with what the mail itself says they decide in which country a
    national spelling is read. A number that also stands in the signature is named SIGNATURE.
    """
    lines = _split(_clean(text))
    wanted = _head_and_end(lines, [at for at, line in enumerate(lines) if any(c.isdigit() for c in line)])
    evidence = Evidence(region)
    spelled = _read(lines, wanted, evidence)
    evidence.settle(sender, known)
    signed_at = next((at for at, line in enumerate(lines) if _SIGN_OFF.match(line)), len(lines))
    found: dict[str, FoundNumber] = {}
    for at in wanted:
        source = Source.SIGNATURE if at >= signed_at else Source.BODY
        for number in _in_line(spelled[at], at, source, evidence):
            earlier = found.get(number.e164)
            if earlier is None or (number.source is Source.SIGNATURE and earlier.source is Source.BODY):
                found[number.e164] = number
        if len(found) >= MAX_FOUND:
            break
    return list(found.values())[:MAX_FOUND]
