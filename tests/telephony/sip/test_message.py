"""SIP text survives a round trip; only ParseError leaves the parser; digests are the RFCs' own."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.calls import Codec
from telephony.errors import ParseError
from telephony.sip import sdp
from telephony.sip.dialog import Dialog
from telephony.sip.digest import Challenge, Credentials, challenge, is_genuine, strongest
from telephony.sip.message import MAX_HEADERS, Message, parse, response
from telephony.sip.uri import NameAddr, Uri, Via, split_outside

pytestmark = pytest.mark.pure
INVITE = (
    b"INVITE sip:1001@pbx.example:5070;transport=UDP SIP/2.0\r\n"
    b"v: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKa;rport, SIP/2.0/TCP b.example ;branch=z9hG4bKb\r\n"
    b'f: "O\'Neil, \\"Ana\\"" <sip:ana@x.example;user=phone>;tag=1\r\nt: <sip:1001@pbx.example>\r\ni: abc@h\r\n'
    b"CSeq:  7   INVITE\r\nSubject: one\r\n two\r\nm: <sip:ana@10.0.0.1:5060>\r\nl: 3\r\n\r\nabcTRAILING"
)


def test_a_message_is_read_as_it_was_meant() -> None:
    message = parse(INVITE)
    assert (message.method, message.cseq, message.call_id, message.body) == ("INVITE", (7, "INVITE"), "abc@h", b"abc")
    assert message.sender.name == 'O\'Neil, "Ana"' and message.sender.tag == "1" and message.sender.uri.user == "ana"
    assert [Via.parse(v).branch for v in message.all("Via")] == ["z9hG4bKa", "z9hG4bKb"]
    assert message.get("Subject") == "one two"
    again = parse(message.encode())
    assert again.headers[:7] == message.headers[:7] and again.body == message.body


@pytest.mark.parametrize(
    "change",
    [(b"INVITE sip", b"INVITE  sip"), (b"SIP/2.0\r\nv", b"SIP/3.0\r\nv"), (b"7   INVITE", b"7 BYE"), (b"7   INVITE", b"4294967296 INVITE"),
     (b"l: 3", b"l: 99"), (b"l: 3", b"l: -1"), (b"i: abc@h\r\n", b""), (b"i: abc@h", b"i: a\r\ni: b"), (b'\\""', b'\\"'),
     (b"f:", b"f"), (b"\r\n\r\nabc", b"\r\nabc"), (b"Subject", b"Sub ject"), (b"CSeq:", b"\x00CSeq:")],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(change: tuple[bytes, bytes]) -> None:
    assert INVITE.count(change[0]) >= 1
    with pytest.raises(ParseError):
        parse(INVITE.replace(*change, 1))


def test_sizes_are_capped_and_reading_is_linear() -> None:
    def padded(count: int, text: bytes = b"x") -> bytes:
        return INVITE.replace(b"Subject: one", b"\r\n".join([b"X-Y: " + text] * count))

    with pytest.raises(ParseError):
        parse(padded(MAX_HEADERS))
    with pytest.raises(ParseError):
        parse(padded(1, b"y" * 65536))

    def cost(size: int) -> float:
        data = padded(80, b'"' + b"a," * size + b'"')
        began = time.process_time()
        for _ in range(30):
            parse(data).all("Via")
        return time.process_time() - began

    cost(50)
    assert cost(300) / cost(150) < 4


@settings(max_examples=400)
@given(st.binary(max_size=400))
def test_only_parse_error_leaves_the_parsers(noise: bytes) -> None:
    for data in (noise, INVITE[: len(noise)] + noise, INVITE.replace(b"10.0.0.1:5060", noise[:40], 1)):
        for read in (parse, sdp.parse):
            try:
                read(data)
            except ParseError:
                continue
    for kind in (Uri, NameAddr, Via):
        try:
            kind.parse(noise.decode("latin-1"))
        except ParseError:
            continue


@pytest.mark.parametrize(
    ("text", "user", "host", "port"),
    [("sip:+593987654321@10.0.0.1", "+593987654321", "10.0.0.1", None), ("SIP:*97%23@pbx:5070;transport=udp", "*97%23", "pbx", 5070),
     ("sips:a;b=c@h_x.example?Replaces=x%40y", "a;b=c", "h_x.example", None), ("sip:pbx.example", "", "pbx.example", None),
     ("tel:+1-201-555-0123;ext=3", "+1-201-555-0123", "", None), ("sip:u:p@[::1]:5061", "u", "[::1]", 5061)],
)  # fmt: skip
def test_odd_but_legal_addresses_are_read(text: str, user: str, host: str, port: int | None) -> None:
    uri = Uri.parse(text)
    assert (uri.user, uri.host, uri.port, uri.text) == (user, host, port, text)


def test_no_value_can_begin_a_header_of_its_own() -> None:
    for bad in ("a\r\nX: y", "a\nX: y", "a\x00"):
        with pytest.raises(ValueError):
            Message(method="BYE", uri="sip:a@b", headers=(("Subject", bad),)).encode()


def test_a_response_copies_what_it_must() -> None:
    answer = parse(response(parse(INVITE), 180, "Ringing", "tt").encode())
    assert (answer.status, answer.receiver.tag, answer.cseq, len(answer.all("Via"))) == (180, "tt", (7, "INVITE"), 2)


def test_a_dialog_survives_the_journal() -> None:
    dialog = Dialog.of_request(parse(INVITE), "mine")
    assert Dialog.from_json(dialog.to_json()) == dialog
    after, bye = dialog.next("BYE", "")
    assert (bye.uri, bye.cseq, bye.receiver.tag, bye.sender.tag) == ("sip:ana@10.0.0.1:5060", (1, "BYE"), "1", "mine")
    assert after.local_cseq == 1


def test_the_digest_of_rfc_7616() -> None:
    for algorithm, wanted in (
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ):
        found = Challenge(
            "http-auth@example.org", "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", algorithm, True, "", False
        )
        value = Credentials("Mufasa", "Circle of Life").answer(
            found, "GET", "/dir/index.html", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
        )
        assert f'response="{wanted}"' in value


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "SHA-512-256"])
def test_a_challenge_is_answered_and_verified(algorithm: str) -> None:
    made = strongest(
        [
            challenge("r", "n", "MD5"),
            challenge("r", "n", algorithm),
            "Basic realm=x",
            'Digest realm="r", nonce="n", algorithm=XX',
        ]
    )
    assert made is not None and made.algorithm == algorithm
    credentials = Credentials("u", "p")
    value = credentials.answer(made, "INVITE", "sip:a@b", "c")
    check = {"method": "INVITE", "user": "u", "password": "p", "realm": "r", "nonce": "n", "algorithm": algorithm}
    assert is_genuine(value, **check)
    for change in ({"password": "q"}, {"method": "BYE"}, {"nonce": "m"}, {"user": "v"}, {"realm": "s"}):
        assert not is_genuine(value, **{**check, **change})
    credentials.proved(made)
    assert not credentials.may_answer(Challenge("evil", "n", algorithm, True, "", False))
    assert "nc=00000002" in credentials.answer(made, "INVITE", "sip:a@b", "c")


OFFER = sdp.build(sdp.offer("10.0.0.9", 4000, [Codec.PCMU, Codec.OPUS]), 1, 1)


def test_an_offer_and_its_answer_agree() -> None:
    theirs = sdp.parse(OFFER)
    assert theirs.codecs == {Codec.PCMU: 0, Codec.OPUS: 107} and theirs.events == {8000: 101, 48000: 110}
    for codec, event in ((Codec.PCMU, 101), (Codec.OPUS, 110)):
        ours = sdp.parse(sdp.build(sdp.answer(theirs, "10.0.0.1", 5000, codec), 2, 1))
        assert sdp.chosen(ours, [Codec.PCMU, Codec.OPUS]) is codec
        assert ours.events == {codec.clock_rate_hz: event} and (ours.host, ours.port) == ("10.0.0.1", 5000)


@pytest.mark.parametrize(
    ("line", "holds", "mirrored"),
    [(b"a=sendonly", True, "recvonly"), (b"a=inactive", True, "inactive"), (b"a=recvonly", False, "sendonly")],
)
def test_a_hold_is_seen_and_answered_in_kind(line: bytes, holds: bool, mirrored: str) -> None:
    theirs = sdp.parse(OFFER.replace(b"a=sendrecv", line))
    assert theirs.holds is holds
    assert sdp.answer(theirs, "h", 1, Codec.PCMU).direction == mirrored
    assert sdp.parse(OFFER.replace(b"10.0.0.9", b"0.0.0.0")).holds


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"v=0\r\n",
        OFFER.replace(b"m=audio", b"m=video"),
        OFFER.replace(b"c=IN IP4", b"c=XX IP4"),
        OFFER + b"a=x\r\n" * 600,
        OFFER + b"a=" + b"y" * 40000,
    ],
)
def test_an_unusable_sdp_is_refused(bad: bytes) -> None:
    with pytest.raises(ParseError):
        sdp.parse(bad)


def read_slowly(text: str, separator: str) -> list[str] | None:
    """RFC 3261 section 25.1 sign by sign; None for an open quote."""
    parts, quoted, angle, escaped = [""], False, 0, False
    for char in text:
        if escaped:
            escaped = False
        elif quoted:
            escaped, quoted = char == "\\", char != '"'
        elif char == '"':
            quoted = True
        elif char in "<>":
            angle = max(0, angle + (1 if char == "<" else -1))
        elif char == separator and not angle:
            parts.append("")
            continue
        parts[-1] += char
    return None if quoted else [part.strip() for part in parts]


@settings(max_examples=3000, deadline=None)
@given(st.text(alphabet='"\\<>,; ab\n', max_size=24), st.sampled_from(",;"))
def test_parts_are_found_as_sign_by_sign(text: str, separator: str) -> None:
    try:
        found: list[str] | None = list(split_outside(text, separator))
    except ParseError:
        found = None
    assert found == read_slowly(text, separator)
