"""Telephone numbers in mail text: what is one, in which country, whose extension, and where it stood."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

import phonenumbers
from phonenumbers import Leniency, PhoneNumberFormat, PhoneNumberMatcher

from addon.domain.people import FoundNumber, Source

MAX_TEXT = 200_000
MAX_LINE = 2_000
MAX_FOUND = 100

_INVISIBLE = re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_DASHES = re.compile(r"[\u2010-\u2015\u2212]")
_SPACES = re.compile(r"[\t\u00a0\u2000-\u200a\u202f\u3000]")
_NEVER = re.compile(
    r"https?://\S+|www\.\S+"  # addresses of pages
    r"|[\w.+-]+@[\w-]+(?:\.[\w-]+)+"  # mail addresses
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
    r"|\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b",
)
_MEXICAN_ONE = re.compile(r"\+52[ -]?1[ -]?(?=\d{2,3}[ -]?\d{3,4}[ -]?\d{4})")
_EXIT_CODE = re.compile(r"(^|[^\d+])(?:00|0011|001(?=[ -]\d{3}\b))(?=[ -]?[1-9])")
_BARE_COUNTRY = re.compile(r"(^|[:\s])\(?(593|57|52|54|55|44|49|51|56)[ -]?(?=\d{1,2}\)[ -]?\d)")
_NOT_A_PHONE = re.compile(
    r"(?:\b(?:ruc|r\.u\.c|c\.?i|c[ée]dula|nit|c\.?c|dni|rut|curp|rfc|cuit|cuil|cbu|clabe|cnpj|cpf|rg|ssn|ein|vat(?: (?:no|id|reg))?|"
    r"ust-?id(?:nr)?|steuernummer|hrb|company (?:no|number|reg\w*)|reg(?:istered|istro)?\.? (?:no|number|in)|"
    r"invoice|inv|factura|fatura|nota fiscal|rechnung(?:snummer|snr)?|order|pedido|orden|bestellung|bestellnummer|"
    r"tracking|gu[ií]a|rastreo|rastreio|sendungsnummer|envío|shipment|awb|ticket|case|caso|chamado|incident|"
    r"account|acct|cuenta|conta|konto(?:nummer)?|sort code|routing|agencia|agência|iban|bic|swift|blz|"
    r"ref(?:erence|erencia|erência|erenz)?|policy|p[óo]liza|contract|contrato|vertrag\w*|customer|client[e]?|kunden(?:nummer|nr)|"
    r"serial|serie|sku|part|model|isbn|po|p\.o|zip|cep|c[óo]digo postal|plz|meeting id|id de reuni[óo]n|id da reuni[ãa]o|"
    r"passcode|pin|code|c[óo]digo|password|otp|folio|expediente|id|autorizaci[óo]n|transaction|transacci[óo]n|version|versi[óo]n|build)\b"
    r"\s*(?:(?:no|nr|n[úu]mero|number|num|code|id|de|do|da|del|cliente|seguimiento|pedido)\b\.?\s*|[#:.\-–=°º]|n[°º.]?\s*){0,4}\s*)$",
    re.IGNORECASE,
)
_LABELS = (
    ("fax", re.compile(r"\b(?:(?:fax|telefax)\W*|f[:.]\s*)$", re.IGNORECASE)),
    (
        "mobile",
        re.compile(
            r"\b(?:mobile|mob|cell|cel|celular|m[óo]vil|mov|movil|handy|mobil|mobiltelefon|whats ?app|wpp|zap)\W*$|\b[mc][:.]\s*$",
            re.IGNORECASE,
        ),
    ),
    ("home", re.compile(r"\b(?:home|casa|domicilio|privat|residencial)\W*$", re.IGNORECASE)),
    (
        "work",
        re.compile(
            r"\b(?:office|oficina|of|work|direct|directo|direct line|pbx|conmutador|central|trabajo|escrit[óo]rio|comercial|"
            r"durchwahl|b[üu]ro|zentrale|switchboard|tel|tel[ée]fono|telefono|telefone|telefon|phone|ph|tlf|fono|fone)\W*$|\b[tpod][:.]\s*$",
            re.IGNORECASE,
        ),
    ),
)
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


def _region_near(lines: list[str], at: int, fallback: str) -> str:
    """The country named nearest to a line: its own words first, then the five lines around, then the fallback."""
    order = sorted(range(max(0, at - 5), min(len(lines), at + 6)), key=lambda i: abs(i - at))
    for i in order:
        for region, words in _COUNTRY.items():
            if words.search(lines[i]):
                return region
    return fallback


def _lines(text: str, region: str, hint: str) -> Iterator[_Line]:
    lines = [line[:MAX_LINE] for line in _clean(text).split("\n")]
    for domain, words in _COUNTRY.items():
        if hint and words.search(hint):
            region = domain
            break
    signature = False
    for at, line in enumerate(lines):
        signature = signature or bool(_SIGN_OFF.match(line))
        if any(c.isdigit() for c in line):
            yield _Line(line, signature, _region_near(lines, at, region))


def _blank(line: str) -> str:
    """The line with everything that can never be a number replaced, and country codes given their plus."""
    line = _MEXICAN_ONE.sub("+52 ", _EXIT_CODE.sub(r"\1+", line))
    return _BARE_COUNTRY.sub(r"\1+\2", _NEVER.sub(lambda m: "~" * len(m.group()), line))


def _label(before: str) -> str:
    return next((label for label, words in _LABELS if words.search(before[-24:])), "")


def _plausible(line: str, start: int, end: int, written: str) -> bool:
    before, after = line[:start], line[end:]
    if _NOT_A_PHONE.search(before[-60:]):
        return False
    before = before.rstrip("*_")
    if re.search(r"[\w~][-.]?$", before) and not re.search(r"(?:^|\W)[A-Za-z]{1,3}\.?$", before):
        return False
    if re.match(r"[-_]?[A-Za-z~]\w*\d|[-_]\d|[-_][A-Z]\b", after):
        return False
    digits = sum(c.isdigit() for c in written)
    bare = written.strip().isdigit()
    return not (
        bare
        and digits > 7
        and not _label(before)
        and not re.search(r"[:(]\s*$|^\s*$", before[-3:] or " ")
        and re.search(r"\b(?:n[°º.]|no\.?|#|id)\s*$", before, re.IGNORECASE)
    )


def _in_line(line: _Line) -> Iterator[FoundNumber]:
    text = _blank(line.text)
    for match in PhoneNumberMatcher(text, line.region, leniency=Leniency.VALID, max_tries=200):
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
            label=_label(text[: match.start]),
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
