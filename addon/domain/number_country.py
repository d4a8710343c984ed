"""In which country's way a number of a mail is written: the evidence of the mail, weighed against the number's shape.

What is known: the reader's country, the sender's address, the contact's other numbers, country codes in the mail, the
places, company forms, papers, postal codes, flags and languages it names, and labels at the number itself. A number
whose readings in two countries are about as likely is given to neither.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, SUPPORTED_REGIONS

from addon.domain.country_words import LANGUAGE_REGIONS, LANGUAGES_OF, MORE_SPEAKERS, PHRASES, Points
from addon.domain.national_shapes import LISTED, ascii_digits, fit, is_assigned
from addon.domain.number_place import folded, place_behind

# Points. The reader's country leads; an address or a code near by outweighs it, a label at the number decides.
HOME, SENDER, KNOWN, CODE, SITE, FLAG, LABEL = 3.0, 3.5, 3.0, 5.0, 2.5, 5.0, 12.0
TOPIC, PROSE_WORDS, PROSE_SHARE = 0.35, 2, 0.35
SPOKEN, NOT_SPOKEN, LEAST_SPOKEN = 1.0, -1.5, 0.3
NANP = 1.0  # (NXX) NXX-XXXX and NXX-NXX-XXXX; three times for 1-8xx
# What stands further away in the mail counts less, whatever it says how often.
ELSEWHERE, MOST_ELSEWHERE, MOST_ON_A_LINE = 0.4, 6.0, 7.0
NEARNESS = (1.0, 0.85, 0.7, 0.6, 0.5, 0.4)
MARGIN, ENOUGH = 1.25, 2.0  # ahead of the next reading, and in all
MIN_DIGITS = 7

# Country domains that the world uses for other things.
_GENERIC = frozenset("co io me tv ai cc fm am ly gg to ws la ag vc sh gl is eu st ms tk bz nu im".split())
_WEAK = {"co": "CO"}
# Mail providers of one country whose domain does not say so.
_PROVIDERS = {"gmx.net": "DE", "freenet.de": "DE", "btinternet.com": "GB", "virginmedia.com": "GB", "ntlworld.com": "GB", "talktalk.net": "GB",
              "comcast.net": "US", "verizon.net": "US", "att.net": "US", "sbcglobal.net": "US", "bellsouth.net": "US", "cox.net": "US", "andinanet.net": "EC"}  # fmt: skip
_SECOND_LEVEL = frozenset("com edu gov gob org net mil nom".split())
_DOMAIN = re.compile(r"(?:@|www\.|https?://)([\w-]{1,63}(?:\.[\w-]{1,63}){1,4})")
_CODE = re.compile(r"\+\s?\(?([1-9][\d ()-]{0,4})")
_LETTERS = {"ñ": ("es",), "¿": ("es",), "¡": ("es",), "ã": ("pt",), "õ": ("pt",), "ß": ("de",), "ä": ("de",), "ö": ("de",), "ü": ("de",), "ò": ("it",), "ì": ("it",),
            "ú": ("es", "pt"), "í": ("es", "pt"), "ó": ("es", "pt"), "á": ("es", "pt"), "ç": ("pt", "fr"), "ê": ("pt", "fr"), "è": ("fr", "it"), "ù": ("fr", "it")}  # fmt: skip
_WORD = re.compile(r"[a-z]+")
_FLAG = re.compile("[\U0001f1e6-\U0001f1ff]{2}")
_SHAPES = re.compile(
    r"(?P<GB>\b[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}\b)|(?P<BR>\b\d{5}-\d{3}\b(?!-)|R\$ ?\d)|(?P<US>\b[A-Z]{2},? \d{5}(?:-\d{4})?\b(?! [A-Z][a-z])|\b[ECP][SD]?T\b)"
    r"|(?P<AR>\b[A-HJ-NP-Z]\d{4}[A-Z]{3}\b)|(?P<CO>\b(?i:cra|carrera|calle|cll|cl|kr|av|diagonal|transversal|dg|tv)\.? ?\d+ ?[A-Z]?\w? ?(?:#|[Nn]o\.?|[Nn]°) ?\d+)"
    r"|(?P<EC>\b[NSEO]\d{1,2}[A-Z]?-\d{1,4}\b)|(?P<MX>\bC\.?P\.? ?\d{5}\b)|(?P<DE>(?i:str\.|stra(?:ß|ss)e|weg|platz|allee) ?\d|\bD-\d{5}\b)"
    r"|(?P<IT>\bI-\d{5}\b|\bVia [A-Z]\w+(?: \w+){0,2},? \d|\b\d{5} [A-Z][a-z]+ \([A-Z]{2}\))|(?P<FR>\bF-\d{5}\b|\b\d{1,3}(?: bis)?,? (?:rue|boulevard|bd|quai) |\bCEDEX\b)"
    r"|(?P<ES>\bC/ ?[A-Z]|\b\d{5} (?:Madrid|Barcelona|Valencia|Sevilla))"
)  # fmt: skip
_SHAPE_POINTS = 3.0
# Names of countries at a number; those that are also words or abbreviations (IT, AT, CA) only in brackets.
_CODES = {"USA": "US", "UK": "GB", "U.S.": "US", "U.K.": "GB", "MEX": "MX", "ARG": "AR", "COL": "CO", "BRA": "BR", "ECU": "EC", "ESP": "ES",
          "CHL": "CL", "PER": "PE", "GER": "DE", "ITA": "IT", "FRA": "FR", "EEUU": "US", "EE.UU.": "US", "CHI": "CL"}  # fmt: skip
_CODES |= {code: code for code in "US GB MX EC CO AR BR PE CL ES FR IT DE UY PY VE PA CR PT CH AT NL IE AU CA".split()}
_SAID = "|".join(re.escape(code) for code in sorted(_CODES, key=len, reverse=True))
_BARE = "|".join(re.escape(code) for code in sorted(_CODES.keys() - {"IT", "AT", "CA"}, key=len, reverse=True))
_PHONE_WORD = r"\b(?i:tel|telf|tél|telefon|telefono|teléfono|cel|cell|celular|mob|mobil|mobile|movil|móvil|handy|portable|phone|ph|t|m|c|whatsapp|fono|fijo|fax|office|oficina)\b[.:]?"
_LABEL_BEFORE = re.compile(
    rf"(?:[(\[]({_SAID})[)\]]|(?:^|[/|·;(•*-]|{_PHONE_WORD})\s*({_BARE})(?:\s?[:.\-])?|(?<![,A-Za-z])\s({_BARE}):)\W{{0,3}}$"
)
_LABEL_AFTER = re.compile(rf"\s{{0,2}}(?:[(\[-]\s?({_SAID})\s?[)\],]|({_BARE})(?=\s*(?:$|[|,;/)])))")
_PARENS = re.compile(
    r"\([2-9]\d\d\)\s?[2-9]\d\d[-. ]?\d{4}|\b1[-. ][2-9]\d\d[-. ]\d{3}[-. ]\d{4}|\b[2-9]\d\d([-.])[2-9]\d\d\1\d{4}"
)
_TOLL_FREE = re.compile(r"1[-. ]?\(?8(?:00|88|77|66|55|44|33)\)?[-. ]?\d{3}[-. ]?\d{4}")

_SEPARATOR = re.compile(r"[|·;•/]\s|(?:\d[ ().-]{0,2}){6,}\d")
# What stands behind the number before, in its brackets: "..., Colombia)", "... (CABA)".
_OF_THE_LAST = re.compile(r"^(?:[^()\d]{0,40}\)|\s{0,2}\([^()\d]{0,40}\)(?!\s{0,2}$))")
_CAPITALS = re.compile(r"\b(USA?|U\.S\.|UK|U\.K\.)(?![\w$])")
NAMED_AT, NAMED_BEFORE = 8.0, 4.0
NAMED_CHARS, NAMED_WORDS, NAME, LABEL_CHARS = 80, 4, 2.0, 16

Weights = dict[str, float]


def _flag(letters: str) -> str:
    """The country of a flag: two regional indicator symbols (Unicode TR 51)."""
    return "".join(chr(ord(c) - ord("\U0001f1e6") + ord("A")) for c in letters)


def of_domain(domain: str) -> tuple[str, float]:
    """The country of a top-level domain and how far it can be believed (0 to 1)."""
    if domain in _PROVIDERS:
        return _PROVIDERS[domain], 0.8
    *_, second, top = ["", *domain.lower().split(".")]
    region = "GB" if top == "uk" else top.upper()
    if top in _GENERIC and second not in _SECOND_LEVEL:
        return _WEAK.get(top, ""), 0.3
    return (region, 1.0) if region in SUPPORTED_REGIONS else ("", 0.0)


def of_code(digits: str) -> str:
    """The main country behind the digits after a plus."""
    return next(
        (regions[0] for n in (1, 2, 3) if (regions := COUNTRY_CODE_TO_REGION_CODE.get(int(digits[:n] or 0)))), ""
    )


def _add(weights: Weights, region: str, points: float) -> None:
    if region and region != "001":
        weights[region] = weights.get(region, 0.0) + points


def _spoken(words: Sequence[str], spoken: Weights) -> bool:
    """Count the words of each language; whether the line is prose, where a place is a topic rather than an address."""
    common = 0
    for word in words:
        languages = LANGUAGES_OF.get(word, ())
        common += bool(languages)
        for language in languages:
            spoken[language] += 1 / len(languages)
    return common >= PROSE_WORDS and common >= PROSE_SHARE * len(words)


def _phrases(words: Sequence[str]) -> Iterator[tuple[bool, Points]]:
    """What the words say, the longest phrase first: whether it is a place, and its points per country."""
    after = 0
    for at, word in enumerate(words):
        if at < after or word not in PHRASES:
            continue
        for rest, is_place, evidence in PHRASES[word]:
            if not rest or tuple(words[at + 1 : at + 1 + len(rest)]) == rest:
                yield is_place, evidence
                after = at + 1 + len(rest)
                break


def _of_signs(line: str, spelled: str, weights: Weights) -> None:
    """Addresses, flags, postal codes and country codes of a line."""
    if "@" in line or "www." in line or "://" in line:
        for match in _DOMAIN.finditer(line):
            region, trust = of_domain(match.group(1))
            _add(weights, region, SITE * trust)
    for flag in _FLAG.findall(line):
        _add(weights, _flag(flag), FLAG)
    if spelled:
        for match in _SHAPES.finditer(line):
            _add(weights, match.lastgroup or "", _SHAPE_POINTS)
    if "+" in spelled:
        for region in {of_code(re.sub(r"\D", "", m.group(1))) for m in _CODE.finditer(spelled)}:
            _add(weights, region, CODE)


def of_line(line: str, spelled: str, spoken: Weights) -> Weights:
    """What a line says for countries; `spelled` is the line with its codes made plain, "" when it has no digits."""
    weights: Weights = {}
    words = _WORD.findall(folded(line))
    prose = _spoken(words, spoken)
    for is_place, evidence in _phrases(words):
        for region, points in evidence:
            _add(weights, region, points * TOPIC if prose and is_place else points)
    if not line.isascii():
        for letter in set(line.lower()) & _LETTERS.keys():
            for language in _LETTERS[letter]:
                spoken[language] += 1 / len(_LETTERS[letter])
    _of_signs(line, spelled, weights)
    return {region: min(points, MOST_ON_A_LINE) for region, points in weights.items()}


def _label(before: str, after: str) -> str:
    """The country written at a number: "(UK)", "US:", "MX", a flag."""
    if flag := _FLAG.findall(before[-6:]) or _FLAG.findall(after[:6]):
        return _flag(flag[-1])
    if before[-LABEL_CHARS:].islower() and after[:LABEL_CHARS].islower():
        return ""
    match = _LABEL_AFTER.match(after[:LABEL_CHARS]) or _LABEL_BEFORE.search(before[-LABEL_CHARS:])
    return _CODES[match[match.lastindex or 0]] if match else ""


def _named_before(before: str) -> Weights:
    """Places named between the last separator or number of the line and the digits: `Büro Zürich: `, `US office `."""
    part = before[-NAMED_CHARS:]
    part = _OF_THE_LAST.sub("", part[max((m.end() for m in _SEPARATOR.finditer(part)), default=0) :])
    words = _WORD.findall(folded(part))
    named: Weights = {}
    for points, some in ((NAMED_AT, words[-NAMED_WORDS:]), (NAMED_BEFORE, words)):
        for is_place, evidence in _phrases(some):
            for region, weight in evidence:
                if is_place and weight >= NAME:
                    named.setdefault(region, points)
    for shape in _SHAPES.finditer(part):
        named.setdefault(shape.lastgroup or "", NAMED_BEFORE)
    for code in _CAPITALS.findall(part):
        named.setdefault(_CODES[code], NAMED_AT)
    return named


def _named(before: str, written: str, after: str) -> Weights:
    """Places named at the digits: in front of them, or as a label behind them, in brackets or between commas."""
    named = _named_before(before)
    behind = place_behind(before + written, after)
    for is_place, evidence in _phrases(_WORD.findall(folded(behind))):
        for region, weight in evidence:
            if is_place and weight >= NAME:
                named[region] = LABEL
    for code in _CAPITALS.findall(behind):
        named[_CODES[code]] = LABEL
    return named


@dataclass(slots=True)
class Evidence:
    """What is known about a mail as a whole, and line by line."""

    home: str
    lines: dict[int, Weights] = field(default_factory=dict)
    mail: Weights = field(default_factory=dict)
    everywhere: Weights = field(default_factory=dict)
    spoken: Weights = field(default_factory=lambda: defaultdict(float))
    known: frozenset[str] = frozenset()
    _summed: dict[int, Weights] = field(default_factory=dict)

    def settle(self, sender: str, known: Iterable[str]) -> None:
        """Sum up after all lines are read; `sender` is an address or a domain, `known` are E.164 numbers."""
        for weights in self.lines.values():
            for region, points in weights.items():
                _add(self.everywhere, region, points)
        if sender:
            region, trust = of_domain(sender.rsplit("@", 1)[-1])
            _add(self.mail, region, SENDER * trust)
        self.known = frozenset(number for number in known if number.startswith("+"))
        for region in {of_code(number[1:4]) for number in self.known}:
            _add(self.mail, region, KNOWN)
        most = max(self.spoken.values(), default=0)
        languages = [language for language, n in self.spoken.items() if n >= max(LEAST_SPOKEN, 0.6 * most)]
        for region in {region for language in languages for region in LANGUAGE_REGIONS[language]}:
            _add(self.mail, region, SPOKEN)
        if not languages:
            self.mail |= {region: self.mail.get(region, 0.0) for region in LISTED}
        strange = languages and not any(
            self.home in LANGUAGE_REGIONS[language] or self.home in MORE_SPEAKERS[language] for language in languages
        )
        _add(self.mail, self.home, HOME + (NOT_SPOKEN if strange else 0.0))

    def at(self, line: int) -> Weights:
        """The evidence that counts for a number on this line."""
        if line in self._summed:
            return self._summed[line]
        near: Weights = {}
        for other in range(line - 5, line + 6):
            for region, points in self.lines.get(other, {}).items():
                near[region] = max(near.get(region, 0.0), points * NEARNESS[abs(other - line)])
        total = dict(self.mail)
        for region, points in self.everywhere.items():
            _add(total, region, near.get(region, 0.0) + ELSEWHERE * min(points, MOST_ELSEWHERE))
        self._summed = {line: total}
        return total

    def choose(self, line: int, before: str, written: str, after: str) -> str | None:
        """The country whose national spelling this is; "" when no country knows it, None when two are too close."""
        weights = self.at(line)
        spelling = ascii_digits(" ".join(re.findall(r"\d+", written)))
        digits = spelling.replace(" ", "")
        readings: dict[str, float] = {}
        label = _label(before, after)
        nanp = NANP if _PARENS.search(written) else 0.0
        if _TOLL_FREE.fullmatch(written.strip(" .")):
            nanp = 3 * NANP
        named = {label: LABEL} if label else _named(before, written, after)
        for region in {*weights, *named, *(("US",) if nanp else ())}:
            points = fit(spelling, digits, region)
            if points is not None:
                extra = named.get(region, 0.0) + (nanp if region == "US" else 0.0)
                extra += LABEL if self.known and is_assigned(digits, region) in self.known else 0.0
                readings[region] = weights.get(region, 0.0) + points + extra
        return self._decided(digits, readings)

    def _decided(self, digits: str, readings: Weights) -> str | None:
        if not readings:
            return ""
        ranked = sorted(readings, key=lambda region: (-readings[region], region != self.home))
        best = ranked[0]
        if len(ranked) > 1:
            close = [r for r in ranked if readings[r] > readings[best] - MARGIN - 1]
            assigned = {region: e164 for region in close if (e164 := is_assigned(digits, region))}
            close = [region for region in close if region in assigned] or [best]
            best = close[0]
            rivals = [r for r in close[1:] if assigned[r] != assigned[best] and readings[r] > readings[best] - MARGIN]
            if rivals:
                return None
        return best if readings[best] >= ENOUGH else None
