"""The object port on one Cloud Storage bucket.

An upload is a small object of its own below `_uploads/`, so that every instance can go on with it. A recording in one
part is checked here and stored in one request; one in many parts goes through a resumable session and is read back
before it counts: an object without `sha256` in its metadata is nobody's yet.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import logging
import re
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import google.auth
import google_crc32c
import requests
from google.auth.transport.requests import AuthorizedSession

from addon.adapters.gcs_http import Answer, GcsBucket, kept_bytes
from addon.adapters.object_rules import check_announced, check_name, check_part, check_range
from addon.adapters.repeat import DEADLINE_SECONDS
from addon.ports.objects import BadUpload, Changed, Held, NoObject, ObjectsAway, Stored

# No name of a recording begins with an underscore.
UPLOADS = "_uploads/"
TRIES = 3
SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"
READ_BYTES = 8 << 20
# customTime is never taken back or moved earlier: this is "never".
NEVER = 253_402_214_400.0
# The bucket's rules: the backstop of the port's `apply_lifecycle`.
LIFECYCLE: dict[str, Any] = {
    "rule": [
        {"action": {"type": "Delete"}, "condition": {"daysSinceCustomTime": 1}},
        {"action": {"type": "Delete"}, "condition": {"age": 7, "matchesPrefix": [UPLOADS]}},
    ]
}
_UPLOAD = re.compile(r"[0-9a-f]{32}", re.ASCII)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Upload:
    """What was announced, and the session's URI once there is one."""

    name: str
    size_bytes: int
    sha256: str
    content_type: str
    purge_at: float | None
    session: str = ""


def _moment(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat(timespec="milliseconds")


def _seconds(moment: str) -> float:
    return datetime.datetime.fromisoformat(moment).timestamp()


def _spelled(crc32c: int) -> str:
    return base64.b64encode(crc32c.to_bytes(4, "big")).decode()


def _crc32c(data: bytes) -> str:
    return _spelled(google_crc32c.value(data))


def _stored(resource: dict[str, Any]) -> Stored | None:
    """None for an object that nobody has checked yet."""
    metadata = resource.get("metadata", {})
    if "sha256" not in metadata:
        return None
    purge_at = metadata.get("purge_at", "")
    return Stored(
        resource["name"], int(resource["generation"]), int(resource["size"]), metadata["sha256"],
        resource.get("contentType", ""), float(purge_at) if purge_at else None, _held(resource),
    )  # fmt: skip


def _held(resource: dict[str, Any]) -> bool:
    return bool(resource.get("temporaryHold") or resource.get("eventBasedHold"))


class GcsObjects:
    """One bucket; safe between threads, processes and instances."""

    def __init__(
        self, bucket: str, sessions: Callable[[], requests.Session], url: str = "https://storage.googleapis.com"
    ) -> None:
        self._bucket = GcsBucket(bucket, sessions, url)

    def _resource(self, name: str) -> dict[str, Any] | None:
        answer = self._bucket.stat(name)
        if answer.status == 404:
            return None
        return _must(answer, 200).json()

    def _checked(self, name: str) -> tuple[Stored, dict[str, Any]]:
        check_name(name)
        resource = self._resource(name)
        stored = _stored(resource) if resource else None
        if resource is None or stored is None:
            raise NoObject(name)
        return stored, resource

    def start_upload(self, name: str, size_bytes: int, sha256: str, content_type: str, purge_at: float | None) -> str:
        """Open a resumable upload; raises Changed when the name is taken."""
        check_name(name)
        check_announced(size_bytes, sha256)
        if self._resource(name) is not None:
            raise Changed(name)
        upload = secrets.token_hex(16)
        self._note(upload, _Upload(name, size_bytes, sha256, content_type, purge_at), 0)
        return upload

    def _note(self, upload: str, noted: _Upload, generation: int) -> bool:
        """Write the upload's own object; false when another instance did meanwhile."""
        data = json.dumps(asdict(noted)).encode()
        resource = {"name": UPLOADS + upload, "contentType": "application/json", "crc32c": _crc32c(data)}
        answer = self._bucket.put(resource, data, generationMatch=generation)
        return answer.status != 412 and bool(_must(answer, 200))

    def _noted(self, upload: str) -> tuple[_Upload, int]:
        if not _UPLOAD.fullmatch(upload):
            raise NoObject("no such upload")
        answer = self._bucket.media(UPLOADS + upload)
        if answer.status == 404:
            raise NoObject("no such upload")
        return _Upload(**_must(answer, 200).json()), int(answer.headers.get("x-goog-generation", "0"))

    def received(self, upload: str) -> int:
        """Bytes stored so far; the whole size when the object is finished."""
        noted, _ = self._noted(upload)
        return self._received(upload, noted)

    def _received(self, upload: str, noted: _Upload) -> int:
        if noted.session:
            answer = self._bucket.kept(noted.session, noted.size_bytes)
            if answer.status not in (404, 410):
                return kept_bytes(answer, noted.size_bytes)
        return noted.size_bytes if self._mine(upload, noted) else 0

    def _mine(self, upload: str, noted: _Upload) -> dict[str, Any] | None:
        resource = self._resource(noted.name)
        return resource if resource and resource.get("metadata", {}).get("upload") == upload else None

    def write(self, upload: str, offset: int, data: bytes) -> Stored | None:
        """Append at `offset`; a repeated last part of a finished upload answers the object again."""
        noted, generation = self._noted(upload)
        received = self._received(upload, noted)
        if received == noted.size_bytes and (resource := self._mine(upload, noted)):
            return _stored(resource) or self._check(upload, noted, resource, generation)
        check_part(offset, len(data), noted.size_bytes, received)
        if not noted.session and len(data) == noted.size_bytes:
            return self._whole(upload, noted, data)
        if not data:
            return None
        noted = self._with_session(upload, noted, generation)
        answer = self._bucket.part(noted.session, data, offset, noted.size_bytes)
        if answer.status == 412:
            raise Changed(noted.name)
        received = kept_bytes(answer, noted.size_bytes)
        if received != offset + len(data):
            raise BadUpload(f"{received} bytes are stored", received)
        if received < noted.size_bytes:
            return None
        return self._check(upload, noted, self._mine(upload, noted), self._noted(upload)[1])

    def _resource_of(self, upload: str, noted: _Upload) -> dict[str, Any]:
        metadata = {"upload": upload}
        resource: dict[str, Any] = {"name": noted.name, "contentType": noted.content_type, "metadata": metadata}
        if noted.purge_at is not None:
            resource["customTime"] = _moment(noted.purge_at)
            metadata["purge_at"] = repr(noted.purge_at)
        return resource

    def _whole(self, upload: str, noted: _Upload, data: bytes) -> Stored:
        if hashlib.sha256(data).hexdigest() != noted.sha256:
            raise BadUpload("the checksum is another", 0)
        resource = self._resource_of(upload, noted)
        resource["metadata"]["sha256"] = noted.sha256
        answer = self._bucket.put(resource | {"crc32c": _crc32c(data)}, data, generationMatch=0)
        if answer.status == 412:
            raise Changed(noted.name)
        stored = _stored(_must(answer, 200).json())
        if stored is None:
            raise ObjectsAway("the object came back without its checksum")
        return stored

    def _with_session(self, upload: str, noted: _Upload, generation: int) -> _Upload:
        if noted.session:
            return noted
        uri = self._bucket.open(self._resource_of(upload, noted), noted.size_bytes, generationMatch=0)
        if uri is None:
            raise Changed(noted.name)
        begun = replace(noted, session=uri)
        if not self._note(upload, begun, generation):
            raise BadUpload("another sender began meanwhile", 0)
        return begun

    def _check(self, upload: str, noted: _Upload, resource: dict[str, Any] | None, generation: int) -> Stored:
        """Read a new object back: right, it gets its checksum and counts; wrong, it goes and the upload begins anew."""
        if resource is None:
            raise Changed(noted.name)
        kept, size = int(resource["generation"]), int(resource["size"])
        sha256, crc32c = hashlib.sha256(), 0
        for start in range(0, size, READ_BYTES):
            block = self._bucket.block(noted.name, kept, start, min(start + READ_BYTES, size))
            sha256.update(block)
            crc32c = google_crc32c.extend(crc32c, block)
        if _spelled(crc32c) != resource["crc32c"]:
            raise ObjectsAway("the bytes came back damaged")
        if sha256.hexdigest() != noted.sha256 or size != noted.size_bytes:
            _must(self._bucket.delete(noted.name, generationMatch=kept), 200, 204, 404, 412)
            self._note(upload, replace(noted, session=""), generation)
            raise BadUpload("the checksum is another", 0)
        changes = {"metadata": {"sha256": noted.sha256}}
        answer = self._bucket.patch(noted.name, changes, generationMatch=kept)
        if answer.status in (404, 412):
            raise Changed(noted.name)
        stored = _stored(_must(answer, 200).json())
        if stored is None:
            raise ObjectsAway("the checksum was not kept")
        return stored

    def stat(self, name: str) -> Stored:
        """Raises NoObject."""
        return self._checked(name)[0]

    def read(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        """A range of bytes; past the end it is empty. A whole object is verified against its checksum."""
        check_range(start, length)
        stored, resource = self._checked(name)
        end = stored.size_bytes if length is None else min(start + length, stored.size_bytes)
        if start >= end:
            return b""
        found = self._bucket.block(name, stored.generation, start, end)
        if end - start == stored.size_bytes and _crc32c(found) != resource["crc32c"]:
            raise ObjectsAway("the bytes came back damaged")
        return found

    def set_purge_at(self, name: str, purge_at: float | None) -> Stored:
        """Change the purge date: exact in the metadata; customTime, which only goes forward, follows where it can."""
        for _ in range(TRIES):
            _, resource = self._checked(name)
            changes: dict[str, Any] = {"metadata": {"purge_at": "" if purge_at is None else repr(purge_at)}}
            custom = resource.get("customTime")
            wanted = NEVER if purge_at is None else purge_at
            if (custom or purge_at is not None) and (not custom or wanted > _seconds(custom)):
                changes["customTime"] = _moment(wanted)
            stored = self._changed(name, changes, resource)
            if stored is not None:
                return stored
        raise ObjectsAway("others change the same object")

    def _changed(self, name: str, changes: dict[str, Any], resource: dict[str, Any]) -> Stored | None:
        """None when the object changed meanwhile."""
        answer = self._bucket.patch(
            name,
            changes,
            generationMatch=int(resource["generation"]),
            metagenerationMatch=int(resource["metageneration"]),
        )
        if answer.status in (404, 412):
            return None
        return _stored(_must(answer, 200).json())

    def set_hold(self, name: str, held: bool) -> Stored:
        """Set or lift the hold (temporaryHold: the retention clock does not move)."""
        for _ in range(TRIES):
            _, resource = self._checked(name)
            stored = self._changed(name, {"temporaryHold": held}, resource)
            if stored is not None:
                return stored
        raise ObjectsAway("others change the same object")

    def delete(self, name: str, generation: int) -> None:
        """Raises Held, Changed, NoObject; what was noted of its upload goes with it."""
        stored, resource = self._checked(name)
        if stored.generation != generation:
            raise Changed(name)
        answer = self._bucket.delete(name, generationMatch=generation)
        if answer.status == 403 and _held(self._checked(name)[1]):
            raise Held(name)
        if answer.status in (404, 412):
            raise Changed(name) if self._resource(name) else NoObject(name)
        _must(answer, 200, 204)
        try:
            self._bucket.delete(UPLOADS + resource["metadata"]["upload"])
        except ObjectsAway as error:
            _log.warning("an upload's note stays until the bucket's rule takes it", extra={"reason": str(error)})

    def apply_lifecycle(self, now: float) -> int:
        """0: the bucket follows LIFECYCLE by itself."""
        return 0

    def ping(self) -> None:
        """Raises ObjectsAway."""
        _must(self._bucket.first(), 200)


def connect(bucket: str) -> GcsObjects:
    """The bucket with the machine's own credentials; raises DefaultCredentialsError without any."""
    credentials, _ = google.auth.default(scopes=(SCOPE,))
    return GcsObjects(bucket, lambda: AuthorizedSession(credentials, refresh_timeout=DEADLINE_SECONDS))


def _must(answer: Answer, *statuses: int) -> Answer:
    if answer.status not in statuses:
        raise ObjectsAway(f"status {answer.status}")
    return answer
