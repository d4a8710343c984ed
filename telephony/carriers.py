"""The concrete SIP, WebRTC and media parts of one telephony process."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from contract.addresses import Reach
from contract.calls import CallId
from contract.uploads import UploadGrant
from telephony.addon_client import AddonAway, AddonClient
from telephony.calls.call import BrowserLeg, Call
from telephony.calls.uploads import Hopeless, Rendered
from telephony.config import Config
from telephony.errors import CarrierError
from telephony.lines import Network, TrunkLines
from telephony.media.render import NothingRecorded
from telephony.media.rtp_port import RtpPort, open_rtp_port
from telephony.media.studio import Studio
from telephony.media.upload import UploadRefused, upload
from telephony.sealed import SealedCache
from telephony.server import Carriers
from telephony.sip.dialog import Dialog
from telephony.sip.flow import Address
from telephony.sip.message import Message
from telephony.sip.useragent import UserAgent
from telephony.webrtc import guard
from telephony.webrtc.leg import WebRtcLeg, WebRtcNetwork
from telephony.webrtc.negotiation import allows_any, allows_public

BYE_SECONDS = 32.0
# What was sent in the dialog after it was journaled, a hold say, counts too: a gap is no error (RFC 3261 section 12.2.2).
CSEQ_GAP = 1000


async def _answered(agent: UserAgent, facts: dict[str, Any], to: Address) -> None:
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def over(_: Message | None = None) -> None:
        if not done.done():
            done.set_result(None)

    def heard(answer: Message) -> None:
        if answer.status >= 200:
            over()

    dialog = Dialog.from_json(facts["dialog"])
    _, message = replace(dialog, local_cseq=dialog.local_cseq + CSEQ_GAP).next("BYE", "")
    agent.request(message, to, heard, over)
    await asyncio.wait_for(done, BYE_SECONDS)


async def say_bye(bind_ip: str, advertised_ip: str, reach: Reach, facts: dict[str, Any], lines: TrunkLines) -> None:
    """BYE for a dialog of an earlier run; a far end that knows it no more (481) is as good as one that hangs up.

    Over TCP and TLS it takes the line's own new connection. Raises CarrierError for an address that may not be called
    any more, TimeoutError when there is no way to the PBX.
    """
    to: Address = (str(facts["to"][0]), int(facts["to"][1]))
    if not reach.allows(to[0]):
        raise CarrierError(503)
    if facts.get("transport", "UDP") != "UDP":
        agent, to = await asyncio.wait_for(lines.way_of(facts["line"]), BYE_SECONDS)
        await _answered(agent, facts, to)
        return
    agent = await UserAgent.open(
        bind_ip, 0, lambda ip: ip == to[0], lambda *_: None, bind_ip if reach.is_listed(to[0]) else advertised_ip
    )
    try:
        await _answered(agent, facts, to)
    finally:
        agent.close()


def build_carriers(config: Config, addon: AddonClient) -> Carriers:
    """Everything that calls need, bound to this configuration's addresses; call once in a process."""
    guard.use_addresses([config.bind])
    allows = allows_any if config.dev else allows_public
    webrtc = WebRtcNetwork(config.bind, config.advertised_ip, allows)
    studio = Studio(config.data_dir / "spool", time.monotonic)

    async def rtp() -> RtpPort:
        return await open_rtp_port(config.bind, may_reach=config.reach.allows)

    network = Network(config.bind, config.advertised_ip, config.reach, rtp)
    lines = TrunkLines(addon, SealedCache(config.data_dir / "sealed", config.keys["lines"]), network)

    async def bye(facts: dict[str, Any]) -> None:
        await say_bye(config.bind, config.advertised_ip, config.reach, facts, lines)

    async def rendered(call: CallId) -> Rendered:
        try:
            return Rendered(*await studio.render(call))
        except NothingRecorded as error:
            raise Hopeless("nothing-recorded") from error

    async def uploaded(path: Path, grant: UploadGrant) -> None:
        try:
            await upload(path, grant, addon.put_part, away=(AddonAway, OSError))
        except UploadRefused as error:
            raise Hopeless("storage-refused") from error

    def browser(call: Call) -> BrowserLeg:
        return WebRtcLeg(call.peer, webrtc)

    return Carriers(
        lines, studio, browser, bye, rendered, uploaded, studio.forget, studio.recorded, lines.run, studio.close
    )
