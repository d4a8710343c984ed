"""What an administrator says about a PBX, checked as a whole before anything is stored; secrets never leave in a message."""

from __future__ import annotations

import datetime
import re

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from addon.usecases.administer import LINE, Refusal
from contract.lines import LineConfig
from contract.numbers import TenantId

HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", re.ASCII)
MAX_PEM_BYTES = 16_384


def host_and_port(name: str, text: str) -> tuple[str, int]:
    """host or host:port; 0 stands for no port."""
    host, colon, port = text.rpartition(":")
    if not colon:
        return text, 0
    if not (port.isascii() and port.isdigit() and len(port) < 6 and 0 < int(port) < 65536) or not host:
        raise Refusal(f"{name} is host or host:port with a port from 1 to 65535, for example pbx.example.com:5060")
    return host, int(port)


def line_settings(
    tenant: TenantId, registrar: str, transport: str, domain: str, proxy: str, ca: str, certificate: str, key: str,
    now: float,
) -> LineConfig:  # fmt: skip
    """A line without extensions; `now` is a Unix time, `ca`, `certificate` and `key` are PEM or ""; raises Refusal."""
    host, port = host_and_port("--registrar", registrar)
    if domain and not HOST.fullmatch(domain):
        raise Refusal(f"--domain {domain!r} is not a SIP domain")
    if proxy:
        host_and_port("--proxy", proxy)
    if (ca or certificate or key) and transport != "tls":
        raise Refusal("certificates belong to TLS: add --transport tls")
    if bool(certificate) != bool(key):
        raise Refusal("a client certificate needs its key, and the key its certificate: give both files")
    if ca:
        _certificates("--ca-file", ca, now)
    if certificate:
        _matching(_certificates("--client-cert-file", certificate, now)[0], key)
    return LineConfig(
        tenant, LINE, 0, host, port, transport, domain, proxy=proxy, ca=ca, client_certificate=certificate, client_key=key
    )  # fmt: skip


def _certificates(name: str, pem: str, now: float) -> list[x509.Certificate]:
    if len(pem) > MAX_PEM_BYTES:
        raise Refusal(f"{name} holds more than {MAX_PEM_BYTES} bytes: leave out what the PBX does not need")
    try:
        found = x509.load_pem_x509_certificates(pem.encode())
    except ValueError as error:
        raise Refusal(f"{name} holds no certificate in PEM (-----BEGIN CERTIFICATE-----)") from error
    ended = [one for one in found if one.not_valid_after_utc.timestamp() < now]
    if ended:
        day = ended[0].not_valid_after_utc.astimezone(datetime.UTC).date()
        raise Refusal(f"{name} holds a certificate that ended on {day}: ask for a new one")
    return found


def _matching(certificate: x509.Certificate, key: str) -> None:
    try:
        private = load_pem_private_key(key.encode(), None)
    except TypeError as error:
        raise Refusal(
            "--client-key-file is locked by a password: write it without one; it is stored encrypted"
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Refusal("--client-key-file holds no private key in PEM (-----BEGIN PRIVATE KEY-----)") from error
    ours, theirs = private.public_key(), certificate.public_key()
    pictures = [k.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) for k in (ours, theirs)]
    if pictures[0] != pictures[1]:
        raise Refusal("--client-key-file is not the key of the first certificate in --client-cert-file")
