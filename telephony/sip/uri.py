"""SIP URIs, name-addrs and Vias (RFC 3261 sections 19.1, 20.10, 20.42): tolerant in, original text kept."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from telephony.errors import ParseError

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._\-]{1,255})(?::(\d{1,5}))?", re.ASCII)
_VIA = re.compile(r"SIP\s*/\s*2\.0\s*/\s*([A-Za-z0-9\-]+)\s+(.*)", re.ASCII | re.IGNORECASE)
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
# A whole quoted string is one mark; a quote that is one by itself was never closed.
_MARKS = {separator: re.compile(rf'{_QUOTED.pattern}|["<>{separator}]', re.DOTALL) for separator in ",;"}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def split_outside(text: str, separator: str) -> Iterator[str]:
    """Parts between separators that stand outside quotes and angle brackets; raises ParseError on an open quote."""
    if '"' not in text and "<" not in text:
        yield from [part.strip() for part in text.split(separator)]
        return
    start = angle = 0
    for mark in _MARKS[separator].finditer(text):
        found = mark.group()
        if found == '"':
            raise ParseError("an open quote")
        if found == "<":
            angle += 1
        elif found == ">":
            angle = max(0, angle - 1)
        elif found == separator and not angle:
            yield text[start : mark.start()].strip()
            start = mark.end()
    yield text[start:].strip()


def parameters(parts: Iterator[str] | list[str]) -> dict[str, str]:
    """`;name=value` parts; names in lower case, a lone name has an empty value, the first of a name counts."""
    found: dict[str, str] = {}
    for part in parts:
        name, _, value = part.partition("=")
        if name.strip():
            found.setdefault(name.strip().lower(), value.strip())
    return found


def host_port(text: str) -> tuple[str, int | None]:
    """Host and port of `host[:port]`; raises ParseError."""
    match = _HOST.fullmatch(text.strip())
    if not match or (match.group(2) and not 0 < int(match.group(2)) < 65536):
        raise ParseError("a bad host")
    return match.group(1), int(match.group(2)) if match.group(2) else None


@dataclass(frozen=True, slots=True)
class Uri:
    """`scheme:user@host:port;params`; `text` is what was received."""

    text: str
    scheme: str
    user: str
    host: str
    port: int | None
    params: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Uri:
        """sip, sips and tel; any other scheme raises ParseError."""
        text = text.strip()
        scheme, colon, rest = text.partition(":")
        scheme = scheme.lower()
        if not colon or scheme not in {"sip", "sips", "tel"} or _CONTROL.search(rest) or set(rest) & set(' <>"'):
            raise ParseError("a bad address")
        if scheme == "tel":
            number, *params = rest.split(";")
            return cls(text, scheme, number, "", None, parameters(params))
        rest = rest.partition("?")[0] if "@" not in rest.partition("?")[2] else rest
        user, at, where = rest.rpartition("@")
        host, *params = where.split(";")
        name, port = host_port(host)
        return cls(text, scheme, user.partition(":")[0] if at else "", name, port, parameters(params))


def _named(quoted_name: str, rest: str) -> str:
    """The display name before an angle bracket, quoted or as bare words."""
    if (quoted_name and rest) or '"' in rest:
        raise ParseError("a bad display name")
    return re.sub(r"\\(.)", r"\1", quoted_name[1:-1], flags=re.DOTALL) if quoted_name else rest


@dataclass(frozen=True, slots=True)
class NameAddr:
    """`"name" <uri>;params`."""

    name: str
    uri: Uri
    params: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> NameAddr:
        """Both spellings; raises ParseError."""
        text = text.strip()
        quoted_name = _QUOTED.match(text)
        before, angle, after = text[quoted_name.end() if quoted_name else 0 :].partition("<")
        if angle:
            name = _named(quoted_name.group() if quoted_name else "", before.strip())
            inside, closed, rest = after.partition(">")
            if not closed or "<" in inside:
                raise ParseError("an open angle bracket")
            uri, rest = Uri.parse(inside), rest.strip()
        else:
            bare, _, rest = text.partition(";")
            name, uri, rest = "", Uri.parse(bare), ";" + rest
        if rest and not rest.startswith(";"):
            raise ParseError("text behind an address")
        return cls(name, uri, parameters(split_outside(rest.lstrip(";"), ";")))

    @property
    def tag(self) -> str:
        """The tag parameter, "" when absent."""
        return self.params.get("tag", "")


@dataclass(frozen=True, slots=True)
class Via:
    """`SIP/2.0/UDP host:port;branch=...`."""

    transport: str
    host: str
    port: int | None
    params: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Via:
        """Raises ParseError."""
        head, *params = split_outside(text, ";")
        match = _VIA.fullmatch(head)
        if not match:
            raise ParseError("a bad Via")
        name, colon, digits = match.group(2).rpartition(":")
        spaced = f"{name.rstrip()}:{digits.lstrip()}" if colon else match.group(2)
        host, port = host_port(spaced)
        return cls(match.group(1).upper(), host, port, parameters(list(params)))

    @property
    def branch(self) -> str:
        """The transaction's id."""
        return self.params.get("branch", "")


def quoted(name: str) -> str:
    """A display name as a quoted string, without characters that could end a line."""
    safe = _CONTROL.sub(" ", name).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{safe}" ' if safe.strip() else ""
