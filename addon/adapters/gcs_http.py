"""One bucket of Cloud Storage over its JSON API: requests, statuses and time limits (Cloud Storage JSON API v1)."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import requests
from google.auth.exceptions import GoogleAuthError

from addon.adapters.repeat import DEADLINE_SECONDS, repeated
from addon.ports.objects import ObjectsAway

# Bytes travel longer than settings; no card waits for them.
BYTES_SECONDS = 20.0
_AWAY = frozenset({401, 408, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` is the decision; `headers` have lower-case names."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> dict[str, Any]:
        """The object resource; raises ObjectsAway for what is no JSON object."""
        try:
            found = json.loads(self.content)
        except ValueError as error:
            raise ObjectsAway("an answer that is no JSON") from error
        if not isinstance(found, dict):
            raise ObjectsAway("an answer that is no object")
        return found


class GcsBucket:
    """Safe between threads: each has a session of its own, made by `sessions`."""

    def __init__(self, bucket: str, sessions: Callable[[], requests.Session], url: str) -> None:
        self._sessions, self._local = sessions, threading.local()
        self._objects = f"{url}/storage/v1/b/{quote(bucket, safe='')}/o"
        self._uploads = f"{url}/upload/storage/v1/b/{quote(bucket, safe='')}/o"

    def _url(self, name: str) -> str:
        return f"{self._objects}/{quote(name, safe='')}"

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = self._sessions()
        return session

    def _once(self, method: str, url: str, seconds: float, given: Mapping[str, Any]) -> Answer:
        try:
            answer = self._session().request(method, url, timeout=seconds, allow_redirects=False, **given)
        except (requests.RequestException, GoogleAuthError) as error:
            raise ObjectsAway(type(error).__name__) from error
        if answer.status_code in _AWAY:
            raise ObjectsAway(f"status {answer.status_code}")
        return Answer(answer.status_code, {k.lower(): v for k, v in answer.headers.items()}, answer.content)

    def _again(self, method: str, url: str, **given: Any) -> Answer:
        """Repeated while it is away and the deadline allows: only for what may be done twice."""
        until = time.monotonic() + DEADLINE_SECONDS
        return repeated(lambda seconds: self._once(method, url, seconds, given), until, (ObjectsAway,))

    def stat(self, name: str) -> Answer:
        """The object resource, or 404."""
        return self._again("GET", self._url(name))

    def first(self) -> Answer:
        """A list of at most one object."""
        return self._again("GET", self._objects, params={"maxResults": "1", "fields": "kind"})

    def block(self, name: str, generation: int, start: int, end: int) -> bytes:
        """Bytes `start` to `end`, the end not among them, of one generation; raises ObjectsAway for fewer."""
        params = {"alt": "media", "generation": str(generation)}
        given = {"params": params, "headers": {"Range": f"bytes={start}-{end - 1}", "Accept-Encoding": "identity"}}
        answer = self._once("GET", self._url(name), BYTES_SECONDS, given)
        if answer.status not in (200, 206) or len(answer.content) != end - start:
            raise ObjectsAway(f"status {answer.status} for a range")
        return answer.content

    def media(self, name: str) -> Answer:
        """All of a small object, or 404."""
        return self._again("GET", self._url(name), params={"alt": "media"})

    def patch(self, name: str, changes: Mapping[str, Any], **conditions: int) -> Answer:
        """200, 404, or 412 when a condition does not hold."""
        return self._again("PATCH", self._url(name), params=_conditions(conditions), json=dict(changes))

    def delete(self, name: str, **conditions: int) -> Answer:
        """204, 404, 403 when held, or 412 when a condition does not hold."""
        return self._again("DELETE", self._url(name), params=_conditions(conditions))

    def put(self, resource: Mapping[str, Any], data: bytes, **conditions: int) -> Answer:
        """One object in one request, its checksum verified by the server: 200, 400 or 412 (uploadType=multipart)."""
        border = secrets.token_hex(16)
        head = f"--{border}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{json.dumps(dict(resource))}\r\n"
        head += f"--{border}\r\nContent-Type: {resource['contentType']}\r\n\r\n"
        body = head.encode() + data + f"\r\n--{border}--\r\n".encode()
        given = {
            "params": {"uploadType": "multipart"} | _conditions(conditions),
            "data": body,
            "headers": {"Content-Type": f"multipart/related; boundary={border}"},
        }
        return self._once("POST", self._uploads, BYTES_SECONDS, given)

    def open(self, resource: Mapping[str, Any], size_bytes: int, **conditions: int) -> str | None:
        """The URI of a new resumable session, None when a condition does not hold."""
        headers = {
            "X-Upload-Content-Length": str(size_bytes),
            "X-Upload-Content-Type": resource["contentType"],
        }
        params = {"uploadType": "resumable"} | _conditions(conditions)
        answer = self._again("POST", self._uploads, params=params, json=dict(resource), headers=headers)
        if answer.status == 412:
            return None
        if answer.status != 200 or "location" not in answer.headers:
            raise ObjectsAway(f"status {answer.status} for a session")
        return answer.headers["location"]

    def part(self, uri: str, data: bytes, offset: int, size_bytes: int) -> Answer:
        """308 with what is kept, 200 or 201 when complete, 412 when the name was taken."""
        headers = {"Content-Range": f"bytes {offset}-{offset + len(data) - 1}/{size_bytes}"}
        return self._once("PUT", uri, BYTES_SECONDS, {"data": data, "headers": headers})

    def kept(self, uri: str, size_bytes: int) -> Answer:
        """As `part`, without bytes; 404 or 410 when the session is over."""
        return self._again("PUT", uri, data=b"", headers={"Content-Range": f"bytes */{size_bytes}"})


def _conditions(conditions: Mapping[str, int]) -> dict[str, str]:
    return {f"if{name[0].upper()}{name[1:]}": str(value) for name, value in conditions.items()}


def kept_bytes(answer: Answer, size_bytes: int) -> int:
    """How many bytes a session has: `Range: bytes=0-N` of a 308, all when complete."""
    if answer.status in (200, 201):
        return size_bytes
    if answer.status != 308:
        raise ObjectsAway(f"status {answer.status} for a part")
    found = answer.headers.get("range", "")
    return int(found.rpartition("-")[2]) + 1 if found else 0
