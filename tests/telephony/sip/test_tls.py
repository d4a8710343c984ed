"""TLS lines: who is trusted by whom, and every refusal by its name and without a byte of SIP."""

from __future__ import annotations

import asyncio
import ssl

import pytest

from telephony.sip import flow
from telephony.sip.tls import expected_name, problem_of, security_of
from tests.peers.authority import Authority
from tests.telephony.sip.pair import HOST, line, pair
from tests.telephony.sip.stream_end import AUTHORITY, StreamEnd, secure_end

pytestmark = pytest.mark.loopback
STRANGERS = Authority("somebody else")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "MESSAGE_SECONDS", 1.0)


async def problem(far: StreamEnd, **more: str) -> str:
    """What the line says of this far end."""
    async with pair(far, transport="tls", **more) as ours:
        assert len(ours.statuses) == 1 and not ours.statuses[0][0] and far.seen == []
        return ours.statuses[0][1]


TRUSTED = {"ca": AUTHORITY.ca, "domain": "pbx.test"}


@pytest.mark.parametrize(
    ("far", "more", "code"),
    [
        (lambda: secure_end("pbx.test", authority=STRANGERS), TRUSTED, "untrusted-certificate"),
        (lambda: secure_end("pbx.test"), {"domain": "pbx.test"}, "untrusted-certificate"),
        (lambda: secure_end("pbx.test", days=-1), TRUSTED, "untrusted-certificate"),
        (lambda: secure_end("other.test"), TRUSTED, "wrong-certificate-name"),
        (lambda: secure_end("pbx.test"), {"ca": AUTHORITY.ca}, "wrong-certificate-name"),
        (lambda: secure_end("pbx.test"), {**TRUSTED, "domain": "sub.pbx.test"}, "wrong-certificate-name"),
        (lambda: secure_end("127.0.0.2"), {"ca": AUTHORITY.ca}, "wrong-certificate-name"),
        (lambda: StreamEnd(), TRUSTED, "tls-failed"),
        (lambda: secure_end("pbx.test"), {**TRUSTED, "ca": "no PEM at all"}, "tls-failed"),
        (lambda: secure_end("pbx.test"), {**TRUSTED, "ca": "\u00e9" + AUTHORITY.ca}, "tls-failed"),
        (lambda: secure_end("pbx.test"), {**TRUSTED, "client_certificate": "none", "client_key": "none"}, "tls-failed"),
        (lambda: secure_end("pbx.test"), {**TRUSTED, "domain": "pbx..test"}, "tls-failed"),
    ],
    ids=["wrong CA", "the system's roots alone", "ended", "other name", "no name for an address", "a name below", "other address", "no TLS", "broken CA", "odd CA", "broken proof", "no name"],
)  # fmt: skip
async def test_a_far_end_that_is_not_who_it_should_be_gets_no_request(
    far: object, more: dict[str, str], code: str
) -> None:
    assert await problem(far(), **more) == code  # type: ignore[operator] # made inside the loop


@pytest.mark.parametrize("names", [("a.pbx.test",), ("b.test", "a.pbx.test"), ("*.pbx.test",)])
async def test_a_certificate_of_the_right_authority_and_name_is_taken(names: tuple[str, ...]) -> None:
    async with pair(secure_end(*names), transport="tls", ca=AUTHORITY.ca, domain="a.pbx.test") as ours:
        assert ours.statuses == [(True, "")]


async def test_an_address_in_the_certificate_is_a_name_too() -> None:
    async with pair(secure_end(HOST), transport="tls", ca=AUTHORITY.ca) as ours:
        assert ours.statuses == [(True, "")]


async def test_a_client_certificate_is_shown_to_who_asks() -> None:
    certificate, key = AUTHORITY.issue("cticontrol.test")
    mine = {"client_certificate": certificate, "client_key": key}
    async with pair(secure_end("pbx.test", clients=AUTHORITY.ca), transport="tls", **TRUSTED, **mine) as ours:
        assert ours.statuses == [(True, "")]


async def test_a_far_end_that_wants_another_client_certificate_is_named() -> None:
    certificate, key = STRANGERS.issue("cticontrol.test")
    for mine in ({}, {"client_certificate": certificate, "client_key": key}):
        far = secure_end("pbx.test", clients=AUTHORITY.ca)
        async with pair(far, transport="tls", wait=False, **TRUSTED, **mine) as ours:
            async with asyncio.timeout(10):
                while (False, "tls-failed") not in ours.statuses:
                    await asyncio.sleep(0.01)
        assert far.seen == []


async def test_what_is_sent_as_server_name_is_what_the_administrator_wrote() -> None:
    asked: list[str | None] = []
    far = secure_end("pbx.test")
    assert far.context is not None
    far.context.sni_callback = lambda _socket, name, _context: asked.append(name)
    async with pair(far, transport="tls", **TRUSTED) as ours:
        assert ours.statuses == [(True, "")] and asked == ["pbx.test"]
    named = line(5061, host="pbx.example", domain="acme.example", transport="tls")
    assert expected_name(named) == "pbx.example"
    assert expected_name(line(5061, host="pbx.example", proxy="edge.example:5061", transport="tls")) == "edge.example"
    assert expected_name(line(5061, domain="acme.example", proxy="198.51.101.1", transport="tls")) == "acme.example"


def test_verification_cannot_be_switched_off_and_old_versions_are_refused() -> None:
    for settings in ({}, TRUSTED):
        made = security_of(line(5061, transport="tls", **settings)).context
        assert made.verify_mode is ssl.CERT_REQUIRED and made.check_hostname
        assert made.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert problem_of(None) == problem_of(ConnectionResetError()) == "unreachable"


def test_a_private_authority_is_trusted_alone() -> None:
    own = security_of(line(5061, transport="tls", **TRUSTED)).context.get_ca_certs()
    assert [dict(one["subject"][0])["commonName"] for one in own] == ["a test's authority"]
