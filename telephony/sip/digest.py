"""Digest authentication (RFC 7616, RFC 8760): MD5, SHA-256 and SHA-512-256 with qop=auth; both sides."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from telephony.errors import ParseError
from telephony.sip.uri import split_outside

HASHES = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}
STRENGTH = {"MD5": 1, "SHA-256": 2, "SHA-512-256": 3}
_FIELD = re.compile(r'([\w\-]{1,64})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))', re.ASCII)
MAX_FIELD_CHARS = 1024
MAX_FIELDS = 40
MAX_NONCES = 64


def fields_of(value: str) -> dict[str, str]:
    """`Digest a="b", c=d` as a map; {} for another scheme and for a value that says a thing twice."""
    scheme, _, rest = value.strip().partition(" ")
    if scheme.lower() != "digest" or len(rest) > 8192:
        return {}
    found: dict[str, str] = {}
    try:
        parts = [part for part in split_outside(rest, ",") if part]
    except ParseError:
        return {}
    if len(parts) > MAX_FIELDS:
        return {}
    for part in parts:
        match = _FIELD.fullmatch(part)
        if match is None or len(part) > MAX_FIELD_CHARS:
            continue
        if match.group(1).lower() in found:
            return {}
        quoted, token = match.group(2), match.group(3)
        found[match.group(1).lower()] = token if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
    return found


@dataclass(frozen=True, slots=True)
class Challenge:
    """One challenge that we can answer."""

    realm: str
    nonce: str
    algorithm: str
    qop: bool
    opaque: str
    stale: bool

    @property
    def base(self) -> str:
        """The hash's name."""
        return self.algorithm.upper().removesuffix("-SESS")


def strongest(values: Iterable[str]) -> Challenge | None:
    """The strongest challenge that we can answer, None when there is none."""
    found: list[Challenge] = []
    for value in values:
        fields = fields_of(value)
        offered = {q.strip().lower() for q in fields.get("qop", "").split(",") if q.strip()}
        algorithm = fields.get("algorithm", "MD5")
        usable = algorithm.upper().removesuffix("-SESS") in HASHES and (not offered or "auth" in offered)
        if usable and fields.get("nonce") and "realm" in fields:
            stale = fields.get("stale", "").lower() == "true"
            found.append(
                Challenge(fields["realm"], fields["nonce"], algorithm, bool(offered), fields.get("opaque", ""), stale)
            )
    return max(found, key=lambda c: STRENGTH[c.base], default=None)


def _hash(algorithm: str, text: str) -> str:
    return hashlib.new(
        HASHES[algorithm.upper().removesuffix("-SESS")], text.encode("utf-8", "surrogateescape"), usedforsecurity=False
    ).hexdigest()


def _response(
    algorithm: str, user: str, realm: str, password: str, nonce: str, method: str, uri: str, nc: str, cnonce: str
) -> str:
    secret = _hash(algorithm, f"{user}:{realm}:{password}")
    if algorithm.upper().endswith("-SESS"):
        secret = _hash(algorithm, f"{secret}:{nonce}:{cnonce}")
    request = _hash(algorithm, f"{method}:{uri}")
    middle = f"{nc}:{cnonce}:auth:" if nc else ""
    return _hash(algorithm, f"{secret}:{nonce}:{middle}{request}")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


@dataclass(slots=True)
class Credentials:
    """A user's secret for one PBX; what was once proved binds: no other realm, no weaker hash (RFC 8760 section 2.4)."""

    user: str
    password: str = field(repr=False)
    realm: str = ""
    _strength: int = 0
    _counts: dict[str, int] = field(default_factory=dict, repr=False)

    def may_answer(self, challenge: Challenge) -> bool:
        """False for a foreign realm and for a downgrade."""
        return self.realm in {"", challenge.realm} and STRENGTH[challenge.base] >= self._strength

    def proved(self, challenge: Challenge) -> None:
        """The PBX took our answer to this challenge."""
        self.realm, self._strength = challenge.realm, max(self._strength, STRENGTH[challenge.base])

    def answer(self, challenge: Challenge, method: str, uri: str, cnonce: str) -> str:
        """The value of Authorization or Proxy-Authorization."""
        count = self._counts.pop(challenge.nonce, 0) + 1
        self._counts[challenge.nonce] = count
        while len(self._counts) > MAX_NONCES:
            del self._counts[next(iter(self._counts))]
        nc = f"{count:08x}" if challenge.qop else ""
        digest = _response(
            challenge.algorithm, self.user, challenge.realm, self.password, challenge.nonce, method, uri, nc, cnonce
        )
        parts = [
            f'username="{_escaped(self.user)}"', f'realm="{_escaped(challenge.realm)}"', f'nonce="{_escaped(challenge.nonce)}"',
            f'uri="{_escaped(uri)}"', f'response="{digest}"', f"algorithm={challenge.algorithm}",
        ]  # fmt: skip
        if challenge.qop or challenge.algorithm.upper().endswith("-SESS"):
            parts.append(f'cnonce="{cnonce}"')
        if challenge.qop:
            parts += ["qop=auth", f"nc={nc}"]
        if challenge.opaque:
            parts.append(f'opaque="{_escaped(challenge.opaque)}"')
        return "Digest " + ", ".join(parts)


def challenge(realm: str, nonce: str, algorithm: str = "MD5", *, stale: bool = False) -> str:
    """The value of WWW-Authenticate."""
    late = ", stale=true" if stale else ""
    return f'Digest realm="{_escaped(realm)}", nonce="{nonce}", algorithm={algorithm}, qop="auth"{late}'


def is_genuine(
    value: str, method: str, user: str, password: str, realm: str, nonce: str, algorithm: str = "MD5"
) -> bool:
    """Whether an Authorization value proves the password for our nonce."""
    fields = fields_of(value)
    if fields.get("username") != user or fields.get("realm") != realm or fields.get("nonce") != nonce:
        return False
    if fields.get("algorithm", "MD5").upper() != algorithm:
        return False
    nc = fields.get("nc", "") if fields.get("qop") == "auth" else ""
    wanted = _response(
        algorithm, user, realm, password, nonce, method, fields.get("uri", ""), nc, fields.get("cnonce", "")
    )
    return hmac.compare_digest(wanted.encode(), fields.get("response", "").encode("utf-8", "surrogateescape"))
