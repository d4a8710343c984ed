"""One party behind a PBX: an INVITE dialog with its media (RFC 3261 sections 13 to 15, RFC 3264)."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from enum import Enum, auto
from typing import Any

from contract.calls import Codec, MediaCapabilities, Outcome, Party
from telephony.errors import MediaError, ParseError
from telephony.leg import LegEvents, Signal
from telephony.media.frame import Endpoint, Frame
from telephony.sip import sdp
from telephony.sip.dialog import Dialog
from telephony.sip.digest import strongest
from telephony.sip.identity import Identity
from telephony.sip.message import Message, response
from telephony.sip.outcome import FINAL, outcome_of
from telephony.sip.patience import Patience
from telephony.sip.refusal import ALLOW, DIGITS, digit_of, refusal
from telephony.sip.rtp_socket import RtpSocket
from telephony.sip.transaction import ClientTransaction, ServerTransaction
from telephony.sip.useragent import UserAgent, new_tag

GLARE_SECONDS = (2.1, 4.0)
HOLD_SECONDS = 32.0
GONE = {408, 481}


class Stage(Enum):
    """Where the INVITE stands."""

    NEW = auto()
    CALLING = auto()
    RINGING_IN = auto()
    UP = auto()
    OVER = auto()


class SipLeg:
    """Outgoing with `dial_uri`, inbound with `invite`."""

    def __init__(
        self,
        agent: UserAgent,
        identity: Identity,
        party: Party,
        open_rtp: Callable[[], Awaitable[RtpSocket]],
        codecs: Sequence[Codec],
        dial_uri: str = "",
    ) -> None:
        self.party, self.events = party, LegEvents()
        self.endpoint: Endpoint | None = None
        self.dialog: Dialog | None = None
        self.sip_status = 0
        self._agent, self._identity, self._dial_uri = agent, identity, dial_uri
        self._open_rtp, self._codecs = open_rtp, tuple(codecs)
        self._rtp: RtpSocket | None = None
        self._stage, self._cancelled, self._held, self._rang = Stage.NEW, False, False, False
        self._call_id, self._tag, self._cseq = secrets.token_hex(12), new_tag(), 0
        self._invite: ClientTransaction | None = None
        self._inbound: ServerTransaction | None = None
        self._tries, self._sdp_version, self._sdp_id = 0, 0, secrets.randbelow(2**31)
        self._provisional = False
        self._theirs: sdp.Description | None = None
        self._acks: dict[tuple[str, int], Message] = {}
        self._answer_due, self._asking, self._changes = False, False, asyncio.Lock()
        self.waits_to_confirm = False
        self.on_unheard: Callable[[], None] = lambda: None
        later = asyncio.get_running_loop().call_later
        self._patience = Patience(later, lambda: self.events.put(Signal.SILENT), self._give_up)
        self._unconfirmed: tuple[tuple[str, int], Message] | None = None

    @classmethod
    def inbound(
        cls,
        agent: UserAgent,
        identity: Identity,
        transaction: ServerTransaction,
        party: Party,
        open_rtp: Callable[[], Awaitable[RtpSocket]],
        codecs: Sequence[Codec],
    ) -> SipLeg:
        """A leg for an INVITE; raises ParseError when its SDP or Contact cannot be used."""
        leg = cls(agent, identity, party, open_rtp, codecs)
        invite = transaction.request
        leg._stage, leg._inbound, leg._call_id = Stage.RINGING_IN, transaction, invite.call_id
        leg.dialog = Dialog.of_request(invite, leg._tag)
        if invite.sdp:
            leg._theirs = sdp.parse(invite.sdp)
            if not leg.offered().codecs:
                raise ParseError("no common codec")
        agent.dialogs[(invite.call_id, leg._tag)] = leg
        agent.pending(transaction, leg)
        transaction.respond(response(invite, 100, "Trying"))
        return leg

    def offered(self) -> MediaCapabilities:
        """What this party can carry now."""
        if self.endpoint is not None:
            return MediaCapabilities((self.endpoint.codec,))
        if self._theirs is None:
            return MediaCapabilities(self._codecs)
        return MediaCapabilities(tuple(c for c in self._theirs.codecs if c in self._codecs))

    async def settle(self, codec: Codec) -> None:
        """Fix the codec of an inbound call; an outgoing one is settled by its SDP."""
        if self.endpoint is not None:
            if self.endpoint.codec is not codec:
                raise MediaError("another codec is agreed")
            return
        if codec not in self.offered().codecs:
            raise MediaError("the codec was not offered")
        rtp = await self._socket()
        if self._theirs is not None:
            self._connect(rtp, self._theirs, codec)
        else:
            rtp.codec = codec
        self.endpoint = rtp

    async def _socket(self) -> RtpSocket:
        if self._rtp is None:
            self._rtp = await self._open_rtp()
        return self._rtp

    def _connect(self, rtp: RtpSocket, theirs: sdp.Description, codec: Codec) -> None:
        if (":" in theirs.host) != (":" in self._agent.advertised):
            raise ParseError("an address of another family")
        rtp.connect(theirs.host, theirs.port, codec, theirs.codecs[codec], theirs.event_payload(codec))
        silent = theirs.holds or theirs.port == 0
        rtp.set_direction(not silent, theirs.direction in {"sendrecv", "sendonly"} and not self._held)

    async def ring(self) -> None:
        """INVITE the party, or tell an inbound caller that it rings."""
        if self._stage is Stage.RINGING_IN and self._inbound is not None:
            self._inbound.respond(self._response(self._inbound.request, 180, "Ringing"))
        elif self._stage is Stage.NEW:
            self._stage = Stage.CALLING
            await self._socket()
            self._send_invite()

    def _offer(self, direction: str = "sendrecv", codecs: Sequence[Codec] = ()) -> bytes:
        assert self._rtp is not None
        self._sdp_version += 1
        ours = sdp.offer(self._agent.advertised, self._rtp.local_port, codecs or self._codecs, direction)
        return sdp.build(ours, self._sdp_id, self._sdp_version)

    def _send_invite(self, *authorization: tuple[str, str]) -> None:
        self._cseq += 1
        identity = self._identity
        message = Message(
            method="INVITE",
            uri=self._dial_uri,
            headers=(
                *identity.routes, ("Max-Forwards", "70"), ("From", f"{identity.from_value};tag={self._tag}"), ("To", f"<{self._dial_uri}>"),
                ("Call-ID", self._call_id), ("CSeq", f"{self._cseq} INVITE"), ("Contact", self._agent.contact(identity.user)),
                *authorization,
            ),
        ).with_body("application/sdp", self._offer())  # fmt: skip
        self._invite = self._agent.request(message, identity.to, self._heard, self._unanswered)
        self._patience.begin()

    def _give_up(self) -> None:
        """Not even a 100 came; what the PBX still says is cancelled, acknowledged and ended as after a hang-up."""
        assert self._invite is not None
        self._invite.stop_repeating()
        self._quit(Outcome.PBX_UNREACHABLE)
        self.events.put(Signal.ENDED, Outcome.PBX_UNREACHABLE, 408)
        self.on_unheard()

    def _unanswered(self) -> None:
        self._finish(Outcome.CANCELLED if self._cancelled else Outcome.PBX_UNREACHABLE, 408)

    def _heard(self, message: Message) -> None:
        if self._patience.end() and not self._cancelled:
            self.events.put(Signal.HEARD)
        try:
            if message.status < 200:
                self._progress(message)
            elif message.status < 300:
                self._accepted(message)
            else:
                self._refused(message)
        except ParseError:
            self._quit(Outcome.MEDIA_FAILED)

    def _progress(self, message: Message) -> None:
        if self._stage is not Stage.CALLING or self._invite is None:
            return
        first, self._provisional = not self._provisional, True
        if self._cancelled:
            if first:
                self._agent.cancel(self._invite)
            return
        if message.sdp and self.endpoint is None:
            self._agree(message.sdp)
            self.events.put(Signal.EARLY_MEDIA)
        elif message.status >= 180 and not self._rang:
            self._rang = True
            self.events.put(Signal.RINGING)

    def _agree(self, body: bytes) -> None:
        """Take their answer to our offer."""
        assert self._rtp is not None
        theirs = sdp.parse(body)
        codec = sdp.chosen(theirs, self._codecs)
        self._theirs = theirs
        self._connect(self._rtp, theirs, codec)
        self.endpoint = self._rtp

    def _accepted(self, message: Message) -> None:
        key = (message.receiver.tag, message.cseq[0])
        if key in self._acks:
            self._agent.send_ack(self._acks[key], self._identity.to)
            return
        if self._unconfirmed is not None and self._unconfirmed[0] == key:
            return
        assert self._invite is not None
        dialog = Dialog.of_response(self._invite.request, message)
        late = self._stage is not Stage.CALLING or self._cancelled
        unconfirmed = key, dialog.request("ACK", message.cseq[0], "")
        if self.waits_to_confirm and not late:
            self._unconfirmed = unconfirmed
        else:
            self._acknowledge(*unconfirmed)
        if late:
            self._bye(dialog)
            if self._stage is Stage.CALLING:
                self._finish(Outcome.CANCELLED, 0)
            return
        self.dialog, self._stage = dialog, Stage.UP
        self._agent.dialogs[(self._call_id, self._tag)] = self
        if message.sdp:
            self._agree(message.sdp)
        if self.endpoint is None:
            self._quit(Outcome.MEDIA_FAILED)
            return
        self.events.put(Signal.ANSWERED)

    def _acknowledge(self, key: tuple[str, int], ack: Message) -> None:
        self._acks[key] = ack
        self._agent.send_ack(ack, self._identity.to)

    async def confirm(self) -> None:
        """The ACK that `waits_to_confirm` held back: until it comes the far end gives up by itself (section 13.3.1.4)."""
        self._confirm()

    def _confirm(self) -> None:
        if self._unconfirmed is not None:
            unconfirmed, self._unconfirmed = self._unconfirmed, None
            self._acknowledge(*unconfirmed)

    def _refused(self, message: Message) -> None:
        if message.status in {401, 407} and (proof := self._proof(message, "INVITE", self._dial_uri)):
            self._send_invite(proof)
            return
        self._finish(Outcome.CANCELLED if self._cancelled else outcome_of(message.status), message.status)

    def _proof(self, message: Message, method: str, uri: str) -> tuple[str, str] | None:
        """An Authorization header for a challenge of our own PBX, at most twice and the second time only if stale.

        A BYE is never proved: a far end behind the PBX could challenge it to collect digests of the password.
        """
        credentials = self._identity.credentials
        name = "WWW-Authenticate" if message.status == 401 else "Proxy-Authenticate"
        challenge = strongest(message.all(name))
        if credentials is None or challenge is None or self._cancelled or not credentials.may_answer(challenge):
            return None
        if self._tries >= 2 or (self._tries == 1 and not challenge.stale):
            return None
        self._tries += 1
        header = "Authorization" if message.status == 401 else "Proxy-Authorization"
        return header, credentials.answer(challenge, method, uri, secrets.token_hex(8))

    def _response(self, request: Message, status: int, reason: str, body: bytes = b"") -> Message:
        headers = () if status == 100 else (("Contact", self._agent.contact(self._identity.user)),)
        made = response(request, status, reason, self._tag, *headers)
        return made.with_body("application/sdp", body) if body else made

    async def progress(self) -> None:
        """183 with the settled codec: an inbound caller hears us before we answer (early media)."""
        if self._stage is Stage.RINGING_IN and self._inbound is not None and self._theirs is not None:
            if self.endpoint is None:
                raise MediaError("no codec is settled")
            body = self._answer(self._theirs)
            self._inbound.respond(self._response(self._inbound.request, 183, "Session Progress", body))

    async def answer(self) -> None:
        """200 OK to an inbound caller, with the settled codec."""
        if self._stage is not Stage.RINGING_IN or self._inbound is None:
            return
        if self.endpoint is None or self._rtp is None:
            raise MediaError("no codec is settled")
        self._answer_due = self._theirs is None
        body = self._offer(codecs=(self.endpoint.codec,)) if self._theirs is None else self._answer(self._theirs)
        self._stage = Stage.UP
        self._inbound.respond(self._response(self._inbound.request, 200, "OK", body))
        self.events.put(Signal.ANSWERED)

    def _answer(self, theirs: sdp.Description) -> bytes:
        assert self._rtp is not None and self.endpoint is not None
        self._sdp_version += 1
        ours = sdp.answer(
            theirs,
            self._agent.advertised,
            self._rtp.local_port,
            self.endpoint.codec,
            "sendonly" if self._held else "sendrecv",
        )
        return sdp.build(ours, self._sdp_id, self._sdp_version)

    async def hold(self, held: bool) -> None:
        """re-INVITE with sendonly or sendrecv; a glare (491) is tried once more (section 14.1)."""
        async with self._changes:
            if self._stage is not Stage.UP or self.endpoint is None or held == self._held:
                return
            self._held, self._tries = held, 0
            for _ in range(2):
                final = await self._reinvite("sendonly" if held else "sendrecv")
                if final is None or final.status != 491:
                    break
                await asyncio.sleep(random.uniform(*GLARE_SECONDS))
            if final is None or final.status in GONE:
                self._quit(Outcome.MEDIA_FAILED)
            elif final.status < 300 and final.sdp:
                self._answered(final.sdp, ours=True)

    def _answered(self, body: bytes, *, ours: bool) -> None:
        try:
            self._follow(body, ours=ours)
        except ParseError:
            self._quit(Outcome.MEDIA_FAILED)

    async def _reinvite(self, direction: str, *authorization: tuple[str, str]) -> Message | None:
        if self.dialog is None or self.endpoint is None:
            return None
        self.dialog, message = self.dialog.next("INVITE", self._agent.contact(self._identity.user))
        message = message.add(*authorization).with_body(
            "application/sdp", self._offer(direction, (self.endpoint.codec,))
        )
        final: asyncio.Future[Message | None] = asyncio.get_running_loop().create_future()

        def heard(answer: Message) -> None:
            if 200 <= answer.status < 300 and self.dialog is not None:
                self.dialog = self.dialog.retargeted(answer)
                self._agent.send_ack(self.dialog.request("ACK", answer.cseq[0], ""), self._identity.to)
            if answer.status >= 200 and not final.done():
                final.set_result(answer)

        def late() -> None:
            if not final.done():
                final.set_result(None)

        self._asking = True
        self._agent.request(message, self._identity.to, heard, late)
        answered = await final
        self._asking = False
        if answered is not None and answered.status in {401, 407} and not authorization:
            proof = self._proof(answered, "INVITE", self.dialog.target)
            return await self._reinvite(direction, proof) if proof else answered
        return answered

    async def hang_up(self, outcome: Outcome = Outcome.COMPLETED) -> None:
        """End in whatever way the state asks for; idempotent."""
        self._quit(outcome)

    def _quit(self, outcome: Outcome) -> None:
        self._patience.end()
        if self._stage is Stage.CALLING and self._invite is not None:
            if not self._cancelled:
                self._cancelled = True
                if self._provisional:
                    self._agent.cancel(self._invite)
                self._close_media()
        elif self._stage is Stage.RINGING_IN and self._inbound is not None:
            status, reason = FINAL.get(outcome, (480, "Temporarily Unavailable"))
            self._inbound.respond(self._response(self._inbound.request, status, reason))
            self._finish(outcome, status)
        elif self._stage is Stage.UP and self.dialog is not None:
            self._confirm()
            self._bye(self.dialog)
            self._finish(outcome, 0)
        else:
            self._finish(outcome, 0)

    def _bye(self, dialog: Dialog) -> None:
        _, message = dialog.next("BYE", "")
        self._agent.request(message, self._identity.to, lambda _: None, lambda: None)

    def _close_media(self) -> None:
        if self._rtp is not None:
            self._rtp.close()

    def _finish(self, outcome: Outcome, status: int) -> None:
        if self._stage is Stage.OVER:
            return
        self._stage, self.sip_status = Stage.OVER, status
        self._agent.dialogs.pop((self._call_id, self._tag), None)
        self._close_media()
        self.events.put(Signal.ENDED, outcome, status)

    def on_cancel(self) -> None:
        """The caller gave up, or never acknowledged our answer."""
        if self._stage is Stage.RINGING_IN and self._inbound is not None:
            self._inbound.respond(self._response(self._inbound.request, 487, "Request Terminated"))
            self._finish(Outcome.CANCELLED, 487)
        elif self._stage is Stage.UP and self.dialog is not None:
            self._bye(self.dialog)
            self._finish(Outcome.MEDIA_FAILED, 408)

    def on_ack(self, request: Message) -> None:
        """Our 200 arrived; a late offer is answered here."""
        if self.dialog is None or request.sender.tag != self.dialog.remote_tag:
            return
        if self._inbound is not None:
            self._inbound.acknowledged()
        if self._answer_due and self._stage is Stage.UP:
            self._answer_due = False
            if request.sdp or self._theirs is None:
                self._answered(request.sdp, ours=False)

    def on_request(self, transaction: ServerTransaction, request: Message) -> None:
        """BYE, re-INVITE, UPDATE and OPTIONS of this dialog; anything of another is told so."""
        if self.dialog is None or not self.dialog.accepts(request):
            transaction.respond(response(request, 481, "No such call"))
            return
        self.dialog = replace(self.dialog, remote_cseq=request.cseq[0])
        if request.method == "BYE":
            transaction.respond(response(request, 200, "OK"))
            self._finish(Outcome.COMPLETED, 0)
        elif request.method in {"INVITE", "UPDATE"}:
            self._updated(transaction, request)
        elif request.method == "OPTIONS":
            transaction.respond(response(request, 200, "OK", "", ("Allow", ALLOW)))
        elif request.method == "INFO":
            self._informed(transaction, request)
        else:
            transaction.respond(refusal(request))

    def _informed(self, transaction: ServerTransaction, request: Message) -> None:
        digit = digit_of(request)
        if not digit:
            transaction.respond(response(request, 415, "Unsupported Media Type", "", ("Accept", DIGITS)))
            return
        transaction.respond(response(request, 200, "OK"))
        if self.endpoint is not None and self.endpoint.on_frame is not None:
            self.endpoint.on_frame(Frame(b"", 0, digit=digit))

    def _updated(self, transaction: ServerTransaction, request: Message) -> None:
        glare = self._asking and request.method == "INVITE"
        if self._stage is not Stage.UP or self.endpoint is None or self.dialog is None or glare:
            transaction.respond(response(request, 491, "Request Pending"))
            return
        self.dialog = self.dialog.retargeted(request)
        if not request.sdp:
            self._answer_due = request.method == "INVITE"
            self._reply(transaction, request, self._offer(codecs=(self.endpoint.codec,)) if self._answer_due else b"")
            return
        try:
            theirs = self._follow(request.sdp, ours=False)
        except ParseError:
            transaction.respond(self._response(request, 488, "Not Acceptable Here"))
            return
        self._reply(transaction, request, self._answer(theirs))

    def _follow(self, body: bytes, *, ours: bool) -> sdp.Description:
        """Send and hear where their new description says, whose change is `ours` or theirs; raises ParseError.

        An answer to ours that does not send is no hold of theirs, but one that sends ends theirs.
        """
        assert self._rtp is not None and self.endpoint is not None
        theirs = sdp.parse(body)
        self._connect(self._rtp, theirs, sdp.chosen(theirs, (self.endpoint.codec,)))
        was, self._theirs = bool(self._theirs and self._theirs.holds), theirs
        if theirs.holds != was and not (ours and theirs.holds):
            self.events.put(Signal.HELD if theirs.holds else Signal.RESUMED)
        return theirs

    def _reply(self, transaction: ServerTransaction, request: Message, body: bytes) -> None:
        if request.method == "INVITE":
            self._inbound = transaction
        transaction.respond(self._response(request, 200, "OK", body))

    def journal_facts(self) -> dict[str, Any] | None:
        """What a restart needs to say BYE; None before there is a dialog. Kept before a caller is answered."""
        if self.dialog is None or self._stage not in {Stage.RINGING_IN, Stage.UP}:
            return None
        return {"dialog": self.dialog.to_json(), "to": list(self._identity.to), "user": self._identity.user}
