"""One codec for both parties, so that nothing is transcoded: the browser's answer waits for the PBX."""

from __future__ import annotations

import asyncio

from contract.calls import Codec, Outcome
from telephony.calls.call import BrowserLeg, Call, CallOver
from telephony.calls.kit import Kit
from telephony.errors import MediaError
from telephony.leg import Leg


async def browser(kit: Kit, call: Call) -> BrowserLeg:
    """A fresh browser leg whose page has offered; the page has 8 s."""
    call.browser = leg = kit.browser_leg(call)
    call.legs.append(leg)
    call.offer_came.clear()
    call.want_media()
    try:
        await asyncio.wait_for(call.offer_came.wait(), kit.device_wait_seconds)
    except TimeoutError:
        raise CallOver(Outcome.DEVICE_UNREACHABLE) from None
    return leg


def common(first: Leg, second: Leg) -> Codec:
    """The first codec of `first` that `second` can carry too."""
    other = second.offered().codecs
    for codec in first.offered().codecs:
        if codec in other:
            return codec
    raise MediaError("no codec in common")


async def settle(kit: Kit, call: Call, user: BrowserLeg, peer: Leg) -> BrowserLeg:
    """Fix one codec on both; a browser leg settled too early on another codec is replaced."""
    if user.endpoint is not None and user.endpoint.codec not in peer.offered().codecs:
        await user.hang_up()
        user = await browser(kit, call)
    codec = user.endpoint.codec if user.endpoint is not None else common(peer, user)
    if peer.endpoint is None:
        await peer.settle(codec)
    if user.endpoint is None:
        await user.settle(codec)
    call.changed(codec=codec, media="up")
    return user
