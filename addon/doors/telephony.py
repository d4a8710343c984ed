"""The telephony service's door: signed requests, each nonce once."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import get_args

from addon.config import Config
from addon.errors import AddonError, PartAway
from addon.ports.documents import AlreadyExists, Away, Conflict, Refused
from addon.ports.objects import BadUpload, Changed, NoObject, ObjectsAway, ObjectsError
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


def _answered(work: Callable[[], Answer], *, gone: int = 404) -> Answer:
    """400 for what can never be understood, `gone` for what is not there, 503 for what may be tried again."""
    try:
        return work()
    except (wire.BadWire, BadUpload, Refused, ValueError):
        return Answer(400)
    except PartAway:
        return Answer(503)
    except AddonError:
        return Answer(gone)
    except (Away, Conflict, ObjectsError):
        return Answer(503)


@dataclass(frozen=True, slots=True)
class TelephonyDoor:
    """Every method needs `genuine` first."""

    config: Config
    tenancy: Tenancy
    ports: Ports

    def genuine(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer | None:
        """None when our telephony service signed exactly this request and sent it for the first time."""
        keys = wire.Keys(self.config.keys["telephony-to-addon"])
        now = self.ports.now()
        try:
            nonce = wire.verify_request(keys, "addon", method, path, body, headers, now=now)
            self.ports.documents.create(f"signed/{nonce}", {"expires_at": now + 2 * wire.SKEW_SECONDS})
        except (wire.BadSignature, AlreadyExists):
            return Answer(403)
        except (Away, Conflict):
            return Answer(503)
        return None

    def event(self, body: bytes) -> Answer:
        """One event, folded once; 410 for one that can never be kept."""

        def work() -> Answer:
            found: object = wire.loads(body)
            if not isinstance(found, get_args(Event)):
                return Answer(400)
            fold(found, self.tenancy, self.ports)
            return Answer(204)

        return _answered(work, gone=410)

    def route(self, body: bytes) -> Answer:
        """Where an inbound call goes."""
        return _answered(lambda: Answer(200, wire.dumps(route_inbound(wire.loads(body, RouteRequest), self.tenancy))))

    def lines(self) -> Answer:
        """Every line of every tenant, passwords opened: only telephony gets this. An unreadable line stops no other."""

        def work() -> Answer:
            found = [line for t in self.tenancy.all() for line in self.tenancy.of(t.id).lines.readable()]
            return Answer(200, json.dumps({"lines": [json.loads(wire.dumps(line)) for line in found]}).encode())

        return _answered(work)

    def grant(self, body: bytes) -> Answer:
        """One upload."""

        def work() -> Answer:
            granted = grant_upload(wire.loads(body, UploadRequest), self.tenancy, self.ports)
            return Answer(200, wire.dumps(granted))

        return _answered(work)

    def upload(self, upload: str, content_range: str, body: bytes) -> Answer:
        """A part of Google's resumable protocol: 308 with the range so far, 200 when whole."""
        found = _RANGE.fullmatch(content_range)
        if found is None or len(body) > MAX_CHUNK_BYTES:
            return Answer(400)
        try:
            # Asking is writing nothing at the end: a complete upload answers with its object again.
            asked = found.group(1) is None
            offset = self.ports.objects.received(upload) if asked else int(found.group(1))
            done = self.ports.objects.write(upload, offset, b"" if asked else body)
        except BadUpload as error:
            return self._more(error.received) if error.received else Answer(400)
        except (NoObject, Changed):
            return Answer(404)
        except ObjectsAway:
            return Answer(503)
        if done is not None:
            return Answer(200, json.dumps({"object": done.name, "sha256": done.sha256}).encode())
        return self._more(self.ports.objects.received(upload))

    def _more(self, received: int) -> Answer:
        return Answer(308, headers={"Range": f"bytes=0-{received - 1}"} if received else {})
