"""Inside a call and beside it: what we do not serve is refused by name, and a peer that moves or vanishes is followed or left."""

from __future__ import annotations

import asyncio

import pytest

from contract.calls import Outcome
from telephony.leg import Signal
from telephony.media.frame import Frame
from telephony.sip import transaction as timers
from telephony.sip.leg import SipLeg
from telephony.sip.message import Message, parse
from telephony.sip.refusal import STATUSES, digit_of
from telephony.sip.transaction import ServerTransaction
from telephony.sip.useragent import UserAgent, seen_from
from tests.telephony.sip.pair import HOST, FarEnd, Ours, pair, until
from tests.telephony.sip.test_legs import answers
from tests.telephony.sip.test_message import INVITE

pytestmark = pytest.mark.loopback


async def up(ours: Ours) -> tuple[SipLeg, SipLeg]:
    """Our leg and the far end's, talking."""
    leg = ours.dial("600")
    await leg.ring()
    await until(leg, Signal.ANSWERED)
    return leg, ours.far.legs[-1]


async def says(sender: SipLeg, method: str, *headers: tuple[str, str], body: bytes = b"") -> Message:
    """The final answer to a request that one side sends in its dialog."""
    assert sender.dialog is not None
    sender.dialog, message = sender.dialog.next(method, sender._agent.contact("far"))
    answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()

    def heard(found: Message) -> None:
        if found.status >= 200 and not answer.done():
            answer.set_result(found)

    kind = dict(headers).get("Content-Type")
    message = message.add(*(header for header in headers if header[0] != "Content-Type"))
    sender._agent.request(message.with_body(kind, body) if kind else message, sender._identity.to, heard, lambda: None)
    return await asyncio.wait_for(answer, 5)


async def test_every_method_that_we_do_not_serve_has_its_status_and_the_call_goes_on() -> None:
    async with pair(FarEnd(script=answers)) as ours:
        leg, far = await up(ours)
        asked = 0
        for method in (*STATUSES, "FROB"):
            if method in {"BYE", "UPDATE", "INFO"}:
                continue
            answer = await says(far, method, ("Refer-To", "<sip:9@127.0.0.1>"), ("Event", "dialog"))
            assert answer.status == STATUSES.get(method, (501, ""))[0], method
            assert "INVITE" in answer.get("Allow") and "REFER" not in answer.get("Allow")
            asked += 1
        assert asked >= 7 and leg.events.queue.empty()
        assert "BYE" in (await says(far, "OPTIONS")).get("Allow")


@pytest.mark.parametrize(
    ("kind", "body", "digit"),
    [("application/dtmf-relay", b"Signal=5\r\nDuration=160\r\n", "5"), ("application/dtmf-relay", b"Signal= *\r\n", "*"),
     ("application/dtmf", b"#", "#"), ("application/dtmf-relay", b"Signal=55\r\n", ""), ("text/plain", b"5", ""), ("application/dtmf", b"", "")],
)  # fmt: skip
async def test_a_digit_may_come_as_info(kind: str, body: bytes, digit: str) -> None:
    async with pair(FarEnd(script=answers)) as ours:
        leg, far = await up(ours)
        heard: list[Frame] = []
        assert leg.endpoint is not None
        leg.endpoint.on_frame = heard.append
        answer = await says(far, "INFO", ("Content-Type", kind), body=body)
        assert answer.status == (200 if digit else 415)
        assert "".join(frame.digit for frame in heard) == digit


def test_a_body_that_is_no_text_is_no_digit() -> None:
    assert digit_of(Message(method="INFO", headers=(("Content-Type", "application/dtmf"),), body=b"\xff\x00" * 9)) == ""


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS", "FROB"])
async def test_a_request_that_requires_an_extension_is_told_which_we_lack(method: str) -> None:
    async with pair(FarEnd()) as ours:
        far = ours.far.call("1001")
        target = far._dial_uri
        headers = (("From", "<sip:far@pbx>;tag=1"), ("To", f"<{target}>"), ("Call-ID", "x"), ("CSeq", f"1 {method}"))
        message = Message(method=method, uri=target, headers=(*headers, ("Require", "100rel, timer")))
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        ours.far.agent.request(message, far._identity.to, answer.set_result, lambda: None)
        found = await asyncio.wait_for(answer, 5)
        assert (found.status, found.get("Unsupported")) == (420, "100rel, timer") and ours.invited.empty()


async def test_an_answer_that_is_never_acknowledged_ends_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timers, "TIMEOUT_SECONDS", 0.4)
    monkeypatch.setattr(UserAgent, "send_ack", lambda *_: None)
    async with pair(FarEnd()) as ours:
        far = ours.far.call("1001")
        await far.ring()
        leg = await ours.invited.get()
        await leg.settle(leg.offered().codecs[0])
        await leg.answer()
        await until(far, Signal.ANSWERED)
        ended = await until(leg, Signal.ENDED)
        assert (ended.outcome, ended.sip_status) == (Outcome.MEDIA_FAILED, 408)
        assert (await until(far, Signal.ENDED)).outcome is Outcome.COMPLETED


def deaf(transaction: ServerTransaction, request: Message) -> None:
    """A peer that hears requests and says nothing."""


async def test_a_change_that_meets_our_own_is_told_to_wait() -> None:
    async with pair(FarEnd(script=answers)) as ours:
        leg, far = await up(ours)
        far.on_request = deaf  # type: ignore[method-assign]
        holding = asyncio.ensure_future(leg.hold(True))
        await asyncio.sleep(0.05)
        assert (await says(far, "INVITE")).status == 491
        holding.cancel()


@pytest.mark.parametrize("vanished", [True, False], ids=["silence", "481"])
async def test_a_peer_that_knows_the_call_no_more_is_left(monkeypatch: pytest.MonkeyPatch, vanished: bool) -> None:
    monkeypatch.setattr(timers, "TIMEOUT_SECONDS", 0.4)
    async with pair(FarEnd(script=answers)) as ours:
        leg, far = await up(ours)
        if vanished:
            far.on_request = deaf  # type: ignore[method-assign]
        else:
            far._agent.dialogs.clear()
        await leg.hold(True)
        assert (await until(leg, Signal.ENDED)).outcome is Outcome.MEDIA_FAILED


async def test_a_peer_that_moves_is_followed() -> None:
    async with pair(FarEnd(script=answers)) as ours:
        leg, far = await up(ours)
        far._identity.user = "moved"
        await leg.hold(True)
        assert leg.dialog is not None and leg.dialog.target.startswith("sip:moved@")
        await leg.hang_up()
        assert (await until(far, Signal.ENDED)).outcome is Outcome.COMPLETED


async def test_an_offer_that_we_make_on_demand_is_answered_in_the_ack() -> None:
    async with pair(FarEnd(script=answers)) as ours:
        leg, far = await up(ours)
        assert far._rtp is not None and far.dialog is not None
        answer = await says(far, "INVITE")
        assert answer.status == 200 and b"m=audio" in answer.body
        held = far._offer("sendonly", (leg.endpoint.codec,)) if leg.endpoint is not None else b""
        ack = far.dialog.request("ACK", far.dialog.local_cseq, "").with_body("application/sdp", held)
        far._agent.send_ack(ack, far._identity.to)
        await until(leg, Signal.HELD)


@pytest.mark.parametrize(
    ("via", "seen"),
    [("SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bK1;rport", "SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bK1;rport=777;received=192.0.2.7"),
     ("SIP/2.0/UDP 192.0.2.7;rport ;branch=z9hG4bK1", "SIP/2.0/UDP 192.0.2.7;rport=777 ;branch=z9hG4bK1;received=192.0.2.7"),
     ("SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK1, SIP/2.0/UDP 10.9.9.9;branch=z9hG4bK2",
      "SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK1;received=192.0.2.7, SIP/2.0/UDP 10.9.9.9;branch=z9hG4bK2"),
     ("SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK1", "SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK1")],
)  # fmt: skip
def test_a_response_names_where_its_request_came_from(via: str, seen: str) -> None:
    request = parse(INVITE).without("Via").front("Via", via)
    assert seen_from(request, ("192.0.2.7", 777)).get("Via") == seen


async def test_a_hold_that_an_answer_of_theirs_ends_is_told_as_ended() -> None:
    async with pair(FarEnd(script=answers)) as ours:
        leg, _ = await up(ours)
        assert leg._theirs is not None and leg.endpoint is not None
        plain = f"v=0\r\no=- 1 1 IN IP4 {HOST}\r\ns=-\r\nc=IN IP4 {HOST}\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\na=sendrecv\r\n"
        leg._follow(plain.replace("sendrecv", "sendonly").encode(), ours=False)
        await until(leg, Signal.HELD)
        leg._follow(plain.encode(), ours=True)
        await until(leg, Signal.RESUMED)
        leg._follow(plain.replace("sendrecv", "inactive").encode(), ours=True)
        leg._follow(plain.encode(), ours=False)
        await until(leg, Signal.RESUMED)
