"""PlaceCall: the user's device first, then the callee."""

from __future__ import annotations

import asyncio

from contract.calls import CallState, Codec, Device, Outcome
from contract.commands import PlaceCall
from telephony.calls import align
from telephony.calls.bridge import Bridge, talk
from telephony.calls.call import Call, CallOver
from telephony.calls.kit import Kit, Plane
from telephony.leg import Leg, LegEvent, Signal


async def place(kit: Kit, call: Call, command: PlaceCall) -> None:
    """The script of an outgoing call."""
    call.to(CallState.DIALING)
    try:
        async with asyncio.timeout(command.max_seconds):
            if command.device is Device.DESK:
                await _from_desk(kit, call, command)
            else:
                await _from_browser(kit, call, command)
    except TimeoutError:
        raise CallOver(Outcome.COMPLETED if call.answered_at else Outcome.NO_ANSWER) from None


async def _next(call: Call, leg: Leg) -> LegEvent:
    """What moves the call on; meanwhile it shows whether the PBX has said nothing yet. Raises CallOver."""
    while True:
        event = await leg.events.next()
        if event.signal is Signal.ENDED:
            raise CallOver(event.outcome or Outcome.CARRIER_ERROR, event.sip_status)
        if event.signal not in {Signal.SILENT, Signal.HEARD}:
            return event
        call.changed(pbx_silent=event.signal is Signal.SILENT)


async def _dial(kit: Kit, call: Call, dial: str, codecs: tuple[Codec, ...]) -> Leg:
    leg = kit.lines.dial(call, dial, codecs)
    call.legs.append(leg)
    await leg.ring()
    return leg


async def _from_browser(kit: Kit, call: Call, command: PlaceCall) -> None:
    user = await align.browser(kit, call)
    peer = await _dial(kit, call, command.dial, user.offered().codecs)
    early: Plane | None = None
    tone: asyncio.Task[None] | None = None
    try:
        async with asyncio.timeout(command.ring_timeout_seconds), asyncio.TaskGroup() as group:
            waiting = group.create_task(_connected(kit, call, user, kit.connected_after_seconds))
            while True:
                event = await _next(call, peer)
                if tone is not None and event.signal is not Signal.RINGING:
                    tone.cancel()
                if event.signal is Signal.RINGING and call.state is CallState.DIALING:
                    call.to(CallState.RINGING)
                    tone = group.create_task(_ringback(kit, call, user))
                elif event.signal is Signal.EARLY_MEDIA and early is None:
                    user = await align.settle(kit, call, user, peer)
                    call.to(CallState.EARLY)
                    assert user.endpoint is not None and peer.endpoint is not None
                    early = kit.media.join(user.endpoint, peer.endpoint)
                elif event.signal is Signal.ANSWERED:
                    waiting.cancel()
                    break
    except TimeoutError:
        raise CallOver(Outcome.NO_ANSWER) from None
    finally:
        if early is not None:
            early.close()
    await kit.keep_dialog(call, peer)
    await peer.confirm()
    user = await align.settle(kit, call, user, peer)
    await talk(kit, call, Bridge(kit, call, user, peer))


async def _connected(kit: Kit, call: Call, user: Leg, seconds: float) -> None:
    """The window's audio comes up although the PBX named no codec so far: the line's last one is answered."""
    await asyncio.sleep(seconds)
    if user.endpoint is None:
        await user.settle(kit.lines.likely_codec(call, user.offered().codecs))
        call.changed(media="up")


async def _ringback(kit: Kit, call: Call, user: Leg) -> None:
    """Our tone when the PBX sends none."""
    await _connected(kit, call, user, kit.ringback_after_seconds)
    assert user.endpoint is not None
    await kit.media.ringback(user.endpoint)


async def _picked_up(call: Call, desk: Leg, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            while (await _next(call, desk)).signal is not Signal.ANSWERED:
                pass
    except TimeoutError:
        raise CallOver(Outcome.DEVICE_UNREACHABLE) from None


async def _from_desk(kit: Kit, call: Call, command: PlaceCall) -> None:
    """The desk phone rings first; its owner hears the callee ring, then talks."""
    desk = await _dial(kit, call, kit.lines.desk_of(call), ())
    try:
        await _picked_up(call, desk, command.ring_timeout_seconds)
    except CallOver as over:
        known = over.outcome in {Outcome.BUSY, Outcome.NO_ANSWER, Outcome.DECLINED, Outcome.UNREACHABLE}
        raise CallOver(Outcome.DEVICE_UNREACHABLE if known else over.outcome, over.sip_status) from None
    await kit.keep_dialog(call, desk)
    await desk.confirm()
    await desk.settle(desk.offered().codecs[0])
    peer = await _reached(kit, call, desk, command)
    await kit.keep_dialog(call, peer)
    await peer.confirm()
    await _settle(peer, desk)
    assert peer.endpoint is not None
    call.changed(codec=peer.endpoint.codec)
    await talk(kit, call, Bridge(kit, call, desk, peer))


async def _reached(kit: Kit, call: Call, desk: Leg, command: PlaceCall) -> Leg:
    """The callee, once they answer; until the PBX sends sound of its own the desk hears our ringing tone."""
    assert desk.endpoint is not None
    own, early = desk.endpoint.codec, None
    try:
        async with asyncio.timeout(command.ring_timeout_seconds), asyncio.TaskGroup() as group:
            tone = group.create_task(kit.media.ringback(desk.endpoint))
            gone = group.create_task(_leaves(desk))
            peer = await _dial(kit, call, command.dial, (own, *(codec for codec in Codec if codec is not own)))
            while (event := await _next(call, peer)).signal is not Signal.ANSWERED:
                if event.signal is Signal.RINGING and call.state is CallState.DIALING:
                    call.to(CallState.RINGING)
                elif event.signal is Signal.EARLY_MEDIA and early is None:
                    tone.cancel()
                    await _settle(peer, desk)
                    assert peer.endpoint is not None
                    call.to(CallState.EARLY)
                    early = kit.media.join(desk.endpoint, peer.endpoint)
            tone.cancel()
            gone.cancel()
            return peer
    except TimeoutError:
        raise CallOver(Outcome.NO_ANSWER) from None
    finally:
        if early is not None:
            early.close()


async def _settle(peer: Leg, desk: Leg) -> None:
    """The desk phone's codec when the callee has it too, else theirs: two SIP legs may have to be transcoded."""
    assert desk.endpoint is not None
    theirs, own = peer.offered().codecs, desk.endpoint.codec
    await peer.settle(own if own in theirs else theirs[0])


async def _leaves(leg: Leg) -> None:
    while True:
        if (await leg.events.next()).signal is Signal.ENDED:
            raise CallOver(Outcome.CANCELLED)
