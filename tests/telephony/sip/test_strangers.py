"""Who is not the PBX gets no byte and changes nothing, and nobody coaxes a digest of the password out of us."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator

import pytest

from telephony.leg import Signal
from telephony.sip.digest import challenge, fields_of
from telephony.sip.leg import SipLeg
from telephony.sip.message import Message, response
from telephony.sip.transaction import ServerTransaction
from telephony.sip.useragent import new_tag
from tests.tally import tried
from tests.telephony.fuzz.mutations import mutants
from tests.telephony.fuzz.targets import SIP, SIP_WORDS
from tests.telephony.sip.pair import ALICE, FarEnd, Ours, pair, until
from tests.telephony.sip.test_legs import answers

pytestmark = pytest.mark.loopback
HOST, ELSEWHERE = "127.0.0.1", "127.0.0.2"
EVIL = b"v=0\r\nc=IN IP4 127.0.0.2\r\nm=audio 9 RTP/AVP 0 8\r\na=sendonly\r\n"


@pytest.fixture
def stranger() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind((ELSEWHERE, 0))
        made.setblocking(False)
        yield made


def heard(sink: socket.socket) -> int:
    """Bytes that reached a socket."""
    count = 0
    while True:
        try:
            count += len(sink.recv(65535))
        except BlockingIOError:
            return count


def port_of(ours: Ours) -> int:
    assert ours.trunk.agent is not None
    return ours.trunk.agent.port


async def call_up(ours: Ours) -> SipLeg:
    leg = ours.dial("600")
    await leg.ring()
    await until(leg, Signal.ANSWERED)
    return leg


async def test_a_stranger_gets_no_byte_and_leaves_no_trace(
    stranger: socket.socket, capsys: pytest.CaptureFixture[str]
) -> None:
    async with pair(FarEnd()) as ours:
        agent, port = ours.trunk.agent, port_of(ours)
        assert agent is not None
        before = (
            len(agent._clients),
            len(agent._servers),
            len(agent._invites),
            len(agent.dialogs),
            len(agent.flow.rates),
        )
        request = SIP[0]
        sent = 0
        for method in ("INVITE", "OPTIONS", "REGISTER", "MESSAGE", "SUBSCRIBE", "NOTIFY", "REFER", "BYE", "CANCEL"):
            request = (
                f"{method} sip:1001@127.0.0.1:{port} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK{method}\r\n"
                f"From: <sip:a@b>;tag=1\r\nTo: <sip:1001@b>\r\nCall-ID: c\r\nCSeq: 1 {method}\r\nContact: <sip:a@127.0.0.2>\r\n\r\n"
            ).encode()
            stranger.sendto(request, (HOST, port))
            sent += 1
        for data in mutants([*SIP, request], SIP_WORDS, 1500, 3):
            if len(data) < 60000:
                stranger.sendto(data, (HOST, port))
                sent += 1
                await asyncio.sleep(0)
        await asyncio.sleep(0.3)
        assert heard(stranger) == 0 and ours.invited.empty()
        assert before == (len(agent._clients), len(agent._servers), len(agent._invites), len(agent.dialogs), len(agent.flow.rates))  # fmt: skip
        tried(capsys, sent, 1400, "datagrams of a stranger")


def in_dialog(leg: SipLeg) -> dict[str, Message]:
    """What the far end could rightly send now, by method."""
    dialog = leg.dialog
    assert dialog is not None
    made = {}
    for number, method in enumerate(("BYE", "INVITE", "UPDATE", "ACK", "OPTIONS"), 500):
        headers = (
            ("Via", f"SIP/2.0/UDP {HOST}:9;branch=z9hG4bK{new_tag()}"), ("From", f"{dialog.remote};tag={dialog.remote_tag}"),
            ("To", f"{dialog.local};tag={dialog.local_tag}"), ("Call-ID", dialog.call_id), ("CSeq", f"{number} {method}"),
            ("Contact", f"<sip:evil@{ELSEWHERE}:9>"), ("Max-Forwards", "70"),
        )  # fmt: skip
        message = Message(method=method, uri="sip:1001@x", headers=headers)
        made[method] = message.with_body("application/sdp", EVIL) if method in {"INVITE", "UPDATE", "ACK"} else message
    return made


def changed(message: Message, name: str, change: Callable[[str], str]) -> Message:
    return Message(
        method=message.method, uri=message.uri, body=message.body,
        headers=tuple((k, change(v) if k == name else v) for k, v in message.headers),
    )  # fmt: skip


WRONG: dict[str, Callable[[Message], Message]] = {
    "another From tag": lambda m: changed(m, "From", lambda v: v + "x"),
    "no From tag": lambda m: changed(m, "From", lambda v: v.partition(";tag=")[0]),
    "another To tag": lambda m: changed(m, "To", lambda v: v + "x"),
    "another Call-ID": lambda m: changed(m, "Call-ID", lambda v: v + "x"),
    "tags exchanged": lambda m: changed(changed(m, "From", lambda _: m.get("To")), "To", lambda _: m.get("From")),
    "an old CSeq": lambda m: changed(m, "CSeq", lambda v: "0 " + v.partition(" ")[2]),
}


async def test_in_dialog_requests_with_a_wrong_tag_or_from_elsewhere_have_no_effect(
    stranger: socket.socket, capsys: pytest.CaptureFixture[str]
) -> None:
    far = FarEnd(script=answers)
    async with pair(far) as ours:
        leg, to = await call_up(ours), (HOST, port_of(ours))
        rtp, dialog, count = leg._rtp, leg.dialog, 0
        assert rtp is not None and dialog is not None
        before = rtp.remote, rtp.sending, rtp.receiving  # type: ignore[attr-defined] # the real port
        for change in WRONG.values():
            for method, message in in_dialog(leg).items():
                if change is not WRONG["an old CSeq"] or method != "ACK":
                    far.agent._sender(to)(change(message))
                    count += 1
        for message in in_dialog(leg).values():
            stranger.sendto(message.encode(), to)
            count += 1
        await asyncio.sleep(0.4)
        assert leg.events.queue.empty() and leg.dialog == dialog
        assert before == (rtp.remote, rtp.sending, rtp.receiving)  # type: ignore[attr-defined] # the real port
        assert heard(stranger) == 0
        far.agent._sender(to)(in_dialog(leg)["BYE"])
        await until(leg, Signal.ENDED)
        tried(capsys, count, 34, "forged in-dialog requests")


async def test_a_late_offer_is_answered_by_the_caller_alone() -> None:
    async with pair(FarEnd()) as ours:
        invite = Message(
            method="INVITE",
            uri=ours.far.contacts["1001"].strip("<>"),
            headers=(("From", "<sip:a@b>;tag=far"), ("To", "<sip:1001@b>"), ("Call-ID", "late"), ("CSeq", "1 INVITE"),
                     ("Contact", "<sip:a@127.0.0.1>")),
        )  # fmt: skip
        to = (HOST, port_of(ours))
        ours.far.agent.request(invite, to, lambda _: None, lambda: None)
        leg = await ours.invited.get()
        await leg.settle(leg.offered().codecs[0])
        await leg.answer()
        assert leg.endpoint is not None
        for tag, offered in (("evil", None), ("far", (ELSEWHERE, 9))):
            headers = (
                ("Via", f"SIP/2.0/UDP {HOST}:9;branch=z9hG4bK{tag}"), ("From", f"<sip:a@b>;tag={tag}"),
                ("To", f"<sip:1001@b>;tag={leg._tag}"), ("Call-ID", "late"), ("CSeq", "1 ACK"),
            )  # fmt: skip
            ack = Message(method="ACK", uri="sip:1001@x", headers=headers).with_body("application/sdp", EVIL)
            ours.far.agent._sender(to)(ack)
            await asyncio.sleep(0.2)
            assert leg.endpoint.remote == offered  # type: ignore[attr-defined] # the real port
        await leg.hang_up()


async def test_a_cancel_that_is_not_the_callers_does_not_stop_the_ringing(
    stranger: socket.socket, capsys: pytest.CaptureFixture[str]
) -> None:
    async with pair(FarEnd()) as ours:
        calling = ours.far.call("1001")
        await calling.ring()
        leg = await ours.invited.get()
        await leg.ring()
        await until(calling, Signal.RINGING)
        assert calling._invite is not None
        invite, to = calling._invite.request, (HOST, port_of(ours))
        kept = tuple(h for h in invite.headers if h[0] in {"Via", "From", "To", "Call-ID", "Max-Forwards"})
        cancel = Message(method="CANCEL", uri=invite.uri, headers=(*kept, ("CSeq", f"{invite.cseq[0]} CANCEL")))
        forged = [
            changed(cancel, "Via", lambda v: v + "x"),
            changed(cancel, "Via", lambda v: v.replace(f":{invite.via.port}", ":9")),
            changed(cancel, "Call-ID", lambda v: v + "x"),
            changed(cancel, "From", lambda v: v + "x"),
        ]
        for message in forged:
            ours.far.agent._sender(to)(message)
        stranger.sendto(cancel.encode(), to)
        await asyncio.sleep(0.3)
        assert leg.events.queue.empty() and heard(stranger) == 0
        await calling.hang_up()
        await until(leg, Signal.ENDED)
        tried(capsys, len(forged) + 1, 5, "forged CANCELs")


async def test_an_answer_to_a_request_is_taken_from_the_pbx_alone(stranger: socket.socket) -> None:
    def rings(far: FarEnd, transaction: ServerTransaction, request: Message) -> None:
        transaction.respond(response(request, 180, "Ringing", "t"))

    async with pair(FarEnd(script=rings)) as ours:
        leg = ours.dial("600")
        await leg.ring()
        await until(leg, Signal.RINGING)
        assert leg._invite is not None
        for status in (200, 302, 407, 486):
            stranger.sendto(response(leg._invite.request, status, "x", "t").encode(), (HOST, port_of(ours)))
        await asyncio.sleep(0.2)
        assert leg.events.queue.empty() and heard(stranger) == 0
        await leg.hang_up()


REALM, NONCE, OURS_SHA = 'realm="pbx"', 'nonce="n2"', "algorithm=SHA-256"
ROGUE: dict[str, tuple[tuple[str, str], ...]] = {
    name: ((header, value),) if isinstance(value, str) else tuple((header, one) for one in value)
    for name, header, value in (
        ("Basic", "WWW-Authenticate", 'Basic realm="pbx"'),
        ("Bearer", "WWW-Authenticate", 'Bearer realm="pbx"'),
        ("NTLM", "WWW-Authenticate", 'NTLM realm="pbx", targetname="x"'),
        ("foreign realm", "WWW-Authenticate", f'Digest realm="evil", {NONCE}, {OURS_SHA}, qop="auth"'),
        ("foreign host as realm", "WWW-Authenticate", f'Digest realm="{ELSEWHERE}", {NONCE}, {OURS_SHA}'),
        ("realm in capitals", "WWW-Authenticate", f'Digest realm="PBX", {NONCE}, {OURS_SHA}'),
        ("realm with a blank", "WWW-Authenticate", f'Digest realm="pbx ", {NONCE}, {OURS_SHA}'),
        ("empty realm", "WWW-Authenticate", f'Digest realm="", {NONCE}, {OURS_SHA}'),
        ("no realm", "WWW-Authenticate", f"Digest {NONCE}, {OURS_SHA}"),
        ("realm twice", "WWW-Authenticate", f'Digest realm="pbx", realm="evil", {NONCE}, {OURS_SHA}'),
        ("realm twice, ours last", "WWW-Authenticate", f'Digest realm="evil", {REALM}, {NONCE}, {OURS_SHA}'),
        ("nonce twice", "WWW-Authenticate", f'Digest {REALM}, {NONCE}, nonce="n3", {OURS_SHA}'),
        ("two schemes in a line", "WWW-Authenticate", f'Digest realm="evil", {NONCE}, {OURS_SHA}, Digest {REALM}, {NONCE}'),
        ("no nonce", "WWW-Authenticate", f"Digest {REALM}, {OURS_SHA}"),
        ("a huge nonce", "WWW-Authenticate", f'Digest {REALM}, nonce="{"n" * 2000}", {OURS_SHA}'),
        ("downgrade to MD5", "WWW-Authenticate", f'Digest {REALM}, {NONCE}, algorithm=MD5, qop="auth"'),
        ("downgrade by saying nothing", "WWW-Authenticate", f'Digest {REALM}, {NONCE}, qop="auth"'),
        ("downgrade to MD5-sess", "Proxy-Authenticate", f'Digest {REALM}, {NONCE}, algorithm=MD5-sess, qop="auth"'),
        ("an unknown algorithm", "WWW-Authenticate", f"Digest {REALM}, {NONCE}, algorithm=MD4"),
        ("auth-int alone", "WWW-Authenticate", f'Digest {REALM}, {NONCE}, {OURS_SHA}, qop="auth-int"'),
        ("strong but foreign, ours but weak", "WWW-Authenticate", (f'Digest realm="evil", {NONCE}, {OURS_SHA}', f"Digest {REALM}, {NONCE}, algorithm=MD5")),
        ("an open quote", "WWW-Authenticate", f"Digest realm=\"pbx, {NONCE}, {OURS_SHA}"),
        ("nothing", "WWW-Authenticate", ""),
    )
}  # fmt: skip


def proofs(far: FarEnd) -> list[str]:
    """Every digest that left us for anything but the registration."""
    names = ("Authorization", "Proxy-Authorization")
    return [m.get(name) for m in far.seen if m.method != "REGISTER" for name in names if m.get(name)]


def challenges_with(*headers: tuple[str, str]) -> Callable[[FarEnd, ServerTransaction, Message], None]:
    def script(far: FarEnd, transaction: ServerTransaction, request: Message) -> None:
        status = 407 if headers and headers[0][0] == "Proxy-Authenticate" else 401
        transaction.respond(response(request, status, "Prove it", new_tag(), *headers))

    return script


async def test_rogue_challenges_of_a_call_get_no_credentials(capsys: pytest.CaptureFixture[str]) -> None:
    far = FarEnd(algorithm="SHA-256")
    async with pair(far) as ours:
        assert ours.statuses == [(True, "")]
        for name, headers in ROGUE.items():
            far.script = challenges_with(*headers)
            leg = ours.dial("600")
            await leg.ring()
            assert (await until(leg, Signal.ENDED)).sip_status in {401, 407}, name
            assert proofs(far) == [], name
        for wrong_status, right in ((401, "Proxy-Authenticate"), (407, "WWW-Authenticate"), (403, "WWW-Authenticate")):
            header = (right, challenge("pbx", "n", "SHA-256"))
            far.script = lambda f, t, r, s=wrong_status, h=header: t.respond(response(r, s, "x", new_tag(), h))  # type: ignore[misc] # bound now
            leg = ours.dial("600")
            await leg.ring()
            await until(leg, Signal.ENDED)
        assert proofs(far) == []
        far.script = challenges_with(("WWW-Authenticate", challenge("pbx", "n4", "SHA-256")))
        leg = ours.dial("600")
        await leg.ring()
        await until(leg, Signal.ENDED)
        assert [fields_of(proof)["nonce"] for proof in proofs(far)] == ["n4"]
        tried(capsys, len(ROGUE) + 3, 20, "rogue challenges of an INVITE")


@pytest.mark.parametrize("inbound", [True, False])
async def test_a_challenged_bye_gets_no_credentials(inbound: bool) -> None:
    far = FarEnd(algorithm="SHA-256", script=answers)
    async with pair(far) as ours:
        if inbound:
            calling = far.call("1001")
            await calling.ring()
            leg = await ours.invited.get()
            await leg.settle(leg.offered().codecs[0])
            await leg.answer()
            await until(calling, Signal.ANSWERED)
        else:
            leg = await call_up(ours)
        ask = ("WWW-Authenticate", challenge("pbx", "n", "SHA-256"))
        byes: list[Message] = []

        def bye(transaction: ServerTransaction, request: Message) -> None:
            if request.method == "BYE":
                byes.append(request)
                transaction.respond(response(request, 401, "Prove it", "", ask))

        far.legs[0].on_request = bye  # type: ignore[method-assign] # a far end that asks before it hangs up
        await leg.hang_up()
        await until(leg, Signal.ENDED)
        await asyncio.sleep(0.3)
        assert len(byes) == 1 and not byes[0].get("Authorization")


async def test_a_registration_that_was_strong_is_not_weakened_later() -> None:
    far = FarEnd(algorithm="SHA-256")
    async with pair(far) as ours:
        registrar = ours.trunk.registrars[ALICE]
        for algorithm, realm in (("MD5", "pbx"), ("SHA-256", "evil")):
            far.algorithm, before = algorithm, len(far.seen)
            ask = ("WWW-Authenticate", challenge(realm, "n", algorithm))
            far.proved = lambda t, r, h=ask: bool(t.respond(response(r, 401, "x", new_tag(), h))) and False  # type: ignore[method-assign, misc] # bound now
            assert await registrar._register(60) == 0
            assert (registrar.registered, registrar.problem) == (False, "refused")
            assert [m.get("Authorization") for m in far.seen[before:]] == [""]
        del far.proved  # type: ignore[method-assign] # the honest one again
        far.algorithm = "SHA-256"
        assert await registrar._register(60) > 0


async def test_a_realm_that_is_not_utf8_is_answered_and_breaks_nothing() -> None:
    far = FarEnd()
    honest = far.proved

    def proved(transaction: ServerTransaction, request: Message) -> bool:
        if not request.get("Authorization"):
            ask = ("WWW-Authenticate", 'Digest realm="Centr\udce1l", nonce="n", algorithm=MD5')
            transaction.respond(response(request, 401, "x", new_tag(), ask))
            return False
        return True

    assert honest is not None
    far.proved = proved  # type: ignore[method-assign] # an old exchange
    async with pair(far) as ours:
        assert ours.statuses == [(True, "")]


@pytest.mark.parametrize("header", [("Min-Expires", "²"), ("Min-Expires", "9" * 5000), ("Retry-After", "9" * 5000)])
async def test_odd_numbers_of_a_registrar_end_nothing(header: tuple[str, str]) -> None:
    far = FarEnd()
    far.proved = lambda t, r: bool(t.respond(response(r, 423, "x", new_tag(), header))) and False  # type: ignore[method-assign] # a registrar gone mad
    async with pair(far) as ours:
        assert ours.statuses == [(False, "refused")]
