"""An INVITE for a user: ask the add-on, ring the webphone, or tell the caller that nobody is there."""

from __future__ import annotations

import asyncio

from contract.calls import CallState, Outcome
from contract.route_plan import RoutePlan
from telephony.calls import align
from telephony.calls.bridge import Bridge, talk
from telephony.calls.call import Call, CallOver
from telephony.calls.kit import Kit
from telephony.leg import Leg, Signal


async def ring(kit: Kit, call: Call, plan: RoutePlan, caller: Leg, *, reachable: bool) -> None:
    """The script of an incoming call."""
    call.legs.append(caller)
    if plan.blocked:
        raise CallOver(Outcome.DECLINED, 603)
    call.to(CallState.RINGING)
    await caller.ring()
    if reachable and await _picked_up(call, caller, plan.ring_seconds):
        await _connect(kit, call, caller)
    else:
        await _announce(kit, call, caller, plan.announcement_language)
        raise CallOver(Outcome.NO_ANSWER)


async def _picked_up(call: Call, caller: Leg, seconds: float) -> bool:
    """True when the user answers in time; the caller may give up before."""

    async def caller_leaves() -> None:
        while True:
            event = await caller.events.next()
            if event.signal is Signal.ENDED:
                raise CallOver(Outcome.NO_ANSWER, event.sip_status)

    try:
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
            leaving = group.create_task(caller_leaves())
            await call.picked_up.wait()
            leaving.cancel()
    except TimeoutError:
        return False
    return True


async def _connect(kit: Kit, call: Call, caller: Leg) -> None:
    user = await align.browser(kit, call)
    user = await align.settle(kit, call, user, caller)
    await kit.keep_dialog(call, caller)
    await caller.answer()
    await talk(kit, call, Bridge(kit, call, user, caller))


async def _announce(kit: Kit, call: Call, caller: Leg, language: str) -> None:
    """Answer, say in the plan's language that nobody is available, and leave."""
    await caller.settle(caller.offered().codecs[0])
    await kit.keep_dialog(call, caller)
    await caller.answer()
    assert caller.endpoint is not None
    await kit.media.say(caller.endpoint, "unavailable", language)
