"""The telephony service's door: signed requests, each nonce once."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from addon.config import Config
from addon.errors import AddonError
from addon.ports.documents import AlreadyExists, Away
from addon.ports.objects import BadUpload, NoObject, ObjectsAway
from addon.ports.outside import Ports
from addon.store.tenancy import Tenancy
from addon.usecases.fold_events import fold
from addon.usecases.grant_upload import grant_upload
from addon.usecases.route_inbound import route_inbound
from contract import wire
from contract.events import Event
from contract.route_plan import RouteRequest
from contract.uploads import UploadRequest

_RANGE = re.compile(r"bytes (?:(\d{1,12})-(\d{1,12})|\*)/(\d{1,12})", re.ASCII)
MAX_CHUNK_BYTES = 8_000_000


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, body and headers."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class TelephonyDoor:
    """Every method needs `genuine` first."""

    config: Config
    tenancy: Tenancy
    ports: Ports

    def genuine(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> bool:
        """Whether our telephony service signed exactly this request and for the first time."""
        keys = wire.Keys(self.config.keys["telephony-to-addon"])
        now = self.ports.now()
        try:
            nonce = wire.verify_request(keys, "addon", method, path, body, headers, now=now)
            self.ports.documents.create(f"signed/{nonce}", {"expires_at": now + 2 * wire.SKEW_SECONDS})
        except (wire.BadSignature, AlreadyExists):
            return False
        return True

    def event(self, body: bytes) -> Answer:
        """One event, folded once."""
        try:
            found: object = wire.loads(body)
            if not isinstance(found, get_args(Event)):
                return Answer(400)
            fold(found, self.tenancy, self.ports)
        except wire.BadWire:
            return Answer(400)
        except AddonError:
            return Answer(410)
        except Away:
            return Answer(503)
        return Answer(204)

    def route(self, body: bytes) -> Answer:
        """Where an inbound call goes."""
        try:
            return Answer(200, wire.dumps(route_inbound(wire.loads(body, RouteRequest), self.tenancy)))
        except wire.BadWire:
            return Answer(400)
        except AddonError:
            return Answer(404)

    def lines(self) -> Answer:
        """Every line of every tenant, passwords opened: only telephony gets this."""
        found = [json.loads(wire.dumps(line)) for t in self.tenancy.all() for line in self.tenancy.of(t.id).lines.all()]
        return Answer(200, json.dumps({"lines": found}).encode())

    def grant(self, body: bytes) -> Answer:
        """One upload."""
        try:
            return Answer(200, wire.dumps(grant_upload(wire.loads(body, UploadRequest), self.tenancy, self.ports)))
        except wire.BadWire:
            return Answer(400)
        except AddonError:
            return Answer(404)

    def upload(self, upload: str, content_range: str, body: bytes) -> Answer:
        """A part of Google's resumable protocol: 308 with the range so far, 200 when whole."""
        found = _RANGE.fullmatch(content_range)
        if found is None or len(body) > MAX_CHUNK_BYTES:
            return Answer(400)
        try:
            if found.group(1) is None:
                return self._more(self.ports.objects.received(upload))
            done = self.ports.objects.write(upload, int(found.group(1)), body)
        except BadUpload as error:
            return self._more(error.received) if error.received else Answer(400)
        except NoObject:
            return Answer(404)
        except ObjectsAway:
            return Answer(503)
        if done is not None:
            return Answer(200, json.dumps({"object": done.name, "sha256": done.sha256}).encode())
        return self._more(self.ports.objects.received(upload))

    def _more(self, received: int) -> Answer:
        return Answer(308, headers={"Range": f"bytes=0-{received - 1}"} if received else {})
