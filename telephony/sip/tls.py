"""Who the far end of a TLS connection must prove to be (RFC 5922, RFC 8446), and what is wrong when it does not."""

from __future__ import annotations

import contextlib
import functools
import ipaddress
import os
import ssl
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field

from contract.lines import LineConfig

UNREACHABLE = "unreachable"
UNTRUSTED, WRONG_NAME, TLS_FAILED = "untrusted-certificate", "wrong-certificate-name", "tls-failed"
# OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH.
_OTHER_NAMES = {62, 64}


@dataclass(frozen=True, slots=True)
class Security:
    """`name` is sent as SNI and must be in the certificate."""

    context: ssl.SSLContext = field(repr=False)
    name: str


def is_address(host: str) -> bool:
    """True for a plain IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def expected_name(config: LineConfig) -> str:
    """The name that an administrator wrote, never one that DNS answered (RFC 5922 section 4).

    With a proxy that is the proxy's; a PBX that is given by its address is known by its SIP domain.
    """
    host, _ = config.next_hop
    return config.domain if config.domain and is_address(host) else host


@contextlib.contextmanager
def _as_file(text: str) -> Iterator[str]:
    """A path to the text, since OpenSSL loads keys from files alone; in memory where the system can."""
    if hasattr(os, "memfd_create"):
        handle = os.memfd_create("certificate")
        with os.fdopen(handle, "w") as file:
            file.write(text)
            file.flush()
            yield f"/proc/self/fd/{handle}"
    else:
        with tempfile.NamedTemporaryFile("w") as named:
            named.write(text)
            named.flush()
            yield named.name


@functools.lru_cache(maxsize=256)
def _context(ca: str, certificate: str, key: str) -> ssl.SSLContext:
    made = ssl.create_default_context(cadata=ca or None)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate:
        with _as_file(f"{certificate}\n{key}\n") as path:
            # A key that is locked would be asked for at a terminal.
            made.load_cert_chain(path, password=lambda: b"")
    return made


def security_of(config: LineConfig) -> Security:
    """The system's roots, or the line's own CA and no other; raises ssl.SSLError for certificates that cannot be used."""
    try:
        context = _context(config.ca, config.client_certificate, config.client_key)
    except (TypeError, ValueError) as error:  # letters that are none of PEM's
        raise ssl.SSLError("certificates that cannot be read") from error
    return Security(context, expected_name(config))


def problem_of(error: BaseException | None) -> str:
    """The code of LineStatus for what ended or prevented a connection."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return WRONG_NAME if error.verify_code in _OTHER_NAMES else UNTRUSTED
    return TLS_FAILED if isinstance(error, ssl.SSLError) else UNREACHABLE
