"""Signed HTTP to the add-on."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urljoin, urlsplit

import aiohttp

from contract import wire
from contract.lines import LineConfig
from contract.route_plan import RoutePlan, RouteRequest
from contract.uploads import UploadGrant, UploadRequest
from telephony.errors import TelephonyError
from telephony.outbox import Refused

T = TypeVar("T")
_FOR_GOOD = {400, 410, 413, 415, 422}


class AddonAway(TelephonyError):
    """The add-on gave no usable answer; trying later may help."""


class UnknownToAddon(TelephonyError):
    """The add-on knows no such line or user."""


@dataclass(slots=True)
class AddonClient:
    """One connection pool to the add-on; every request is signed with a fresh nonce."""

    session: aiohttp.ClientSession
    base_url: str
    keys: wire.Keys
    now: Callable[[], float]

    async def request(
        self, method: str, url: str, body: bytes, headers: dict[str, str] | None = None, *, seconds: float = 5.0
    ) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers; raises AddonAway when there is no answer."""
        full = urljoin(self.base_url + "/", url)
        if urlsplit(full).netloc != urlsplit(self.base_url).netloc:
            raise AddonAway("an address off the add-on")
        signed = wire.sign_request(
            self.keys, "addon", method, urlsplit(full).path, body, now=self.now(), nonce=secrets.token_hex(16)
        )
        timeout = aiohttp.ClientTimeout(total=seconds)
        try:
            async with self.session.request(
                method, full, data=body, headers={**(headers or {}), **signed}, timeout=timeout, allow_redirects=False
            ) as answer:
                return answer.status, await answer.read(), {k.lower(): v for k, v in answer.headers.items()}
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise AddonAway(type(error).__name__) from error

    async def send_event(self, body: bytes) -> None:
        """Deliver one event; raises Refused when it can never be taken, AddonAway otherwise."""
        status, _, _ = await self.request("POST", "/telephony/events", body)
        if status in _FOR_GOOD:
            raise Refused(str(status))
        if status >= 300:
            raise AddonAway(str(status))

    async def route(self, asked: RouteRequest) -> RoutePlan:
        """Where an inbound call goes."""
        status, body, _ = await self.request("POST", "/telephony/route", wire.dumps(asked), seconds=2.0)
        if status == 404:
            raise UnknownToAddon("no such extension")
        return _loaded(status, body, RoutePlan)

    async def lines(self) -> tuple[LineConfig, ...]:
        """Every line that this process serves."""
        status, body, _ = await self.request("GET", "/telephony/lines", b"")
        if status != 200:
            raise AddonAway(str(status))
        try:
            return tuple(wire.loads(json.dumps(line).encode(), LineConfig) for line in json.loads(body)["lines"])
        except (ValueError, KeyError, TypeError) as error:
            raise AddonAway("not a list of lines") from error

    async def grant(self, asked: UploadRequest) -> UploadGrant:
        """Permission to store one recording."""
        status, body, _ = await self.request("POST", "/telephony/uploads", wire.dumps(asked))
        if status in _FOR_GOOD | {403, 404, 409}:
            raise Refused(str(status))
        return _loaded(status, body, UploadGrant)

    async def put_part(self, url: str, body: bytes, content_range: str) -> tuple[int, str]:
        """One PUT of the resumable protocol: status and its Range header."""
        headers = {"Content-Range": content_range, "Content-Type": "application/octet-stream"}
        status, _, found = await self.request("PUT", url, body, headers, seconds=30.0)
        return status, found.get("range", "")


def _loaded(status: int, body: bytes, kind: type[T]) -> T:
    if status != 200:
        raise AddonAway(str(status))
    try:
        return wire.loads(body, kind)
    except wire.BadWire as error:
        raise AddonAway("not a contract message") from error
