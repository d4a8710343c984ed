"""Cloud Storage's JSON API for tests, on 127.0.0.1: what public stand-ins leave out is enforced here.

Generations and preconditions, holds, a customTime that only goes forward, resumable sessions with whole units of
256 KiB, checksums, bearer tokens, and the bucket's lifecycle rules by a clock that the test gives.
Sources: Cloud Storage JSON API v1 reference (Objects, Buckets), "Resumable uploads", "Object Lifecycle Management".
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import re
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import google_crc32c

UNIT_BYTES = 262_144
_OBJECT = re.compile(r"/storage/v1/b/([^/]+)/o(?:/([^/]+))?")
_UPLOAD = re.compile(r"/upload/storage/v1/b/([^/]+)/o")
_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")


@dataclass
class Reply(Exception):
    """What goes back; raised to end a request early."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Session:
    """A resumable upload."""

    resource: dict[str, Any]
    conditions: dict[str, str]
    size_bytes: int
    data: bytearray = field(default_factory=bytearray)
    done: dict[str, Any] | None = None


def _crc32c(data: bytes) -> str:
    return base64.b64encode(google_crc32c.value(data).to_bytes(4, "big")).decode()


def moment(text: str) -> float:
    """Unix seconds of an RFC 3339 date."""
    return datetime.datetime.fromisoformat(text).timestamp()


class Bucket:
    """One bucket's objects, sessions and rules. `fault(method, kind)` may say "503", "reset" or "short"."""

    def __init__(self, name: str, token: str) -> None:
        self.name, self.token = name, token
        self.lifecycle: dict[str, Any] = {"rule": []}
        self.objects: dict[str, tuple[dict[str, Any], bytes]] = {}
        self.sessions: dict[str, Session] = {}
        self.fault: Callable[[str, str], str] = lambda method, kind: ""
        self.bytes_in = 0
        self.now = 1_800_000_000.0
        self.lock = threading.RLock()
        self._generation = 1_000

    def _next(self) -> str:
        self._generation += 1
        return str(self._generation)

    def _checked(self, name: str, conditions: Mapping[str, str]) -> None:
        found = self.objects.get(name)
        for key, attribute in (("ifGenerationMatch", "generation"), ("ifMetagenerationMatch", "metageneration")):
            if key in conditions and conditions[key] != (found[0][attribute] if found else "0"):
                raise Reply(412)

    def finish(self, resource: dict[str, Any], data: bytes, conditions: Mapping[str, str]) -> dict[str, Any]:
        """The object is there at once or not at all."""
        self._checked(resource["name"], conditions)
        held = self.objects.get(resource["name"])
        if held and held[0].get("temporaryHold"):
            raise Reply(403)
        if resource.get("crc32c", _crc32c(data)) != _crc32c(data):
            raise Reply(400, {"error": {"code": 400, "message": "Provided CRC32C does not match calculated"}})
        allowed = {"name", "contentType", "metadata", "customTime", "crc32c", "temporaryHold"}
        if set(resource) - allowed or not all(isinstance(v, str) for v in resource.get("metadata", {}).values()):
            raise Reply(400)
        made = {
            **resource, "bucket": self.name, "kind": "storage#object", "generation": self._next(),
            "metageneration": "1", "size": str(len(data)), "crc32c": _crc32c(data),
            "md5Hash": base64.b64encode(hashlib.md5(data).digest()).decode(), "created": self.now,
        }  # fmt: skip
        self.objects[resource["name"]] = (made, data)
        return made

    def patch(self, name: str, changes: Mapping[str, Any], conditions: Mapping[str, str]) -> dict[str, Any]:
        """A merge: null takes a key away; customTime is never taken away nor moved back."""
        if name not in self.objects:
            raise Reply(404)
        self._checked(name, conditions)
        resource, data = self.objects[name]
        if set(changes) - {"metadata", "customTime", "temporaryHold", "eventBasedHold"}:
            raise Reply(400)
        made = dict(resource)
        if "customTime" in changes:
            old, new = resource.get("customTime"), changes["customTime"]
            if new is None or (old and moment(new) < moment(old)):
                raise Reply(
                    400, {"error": {"code": 400, "message": "Custom time cannot be moved backwards or removed"}}
                )
        for key, value in changes.items():
            if key == "metadata":
                merged = {**resource.get("metadata", {}), **value}
                made["metadata"] = {k: v for k, v in merged.items() if v is not None}
            else:
                made[key] = value
        made["metageneration"] = str(int(resource["metageneration"]) + 1)
        self.objects[name] = (made, data)
        return made

    def delete(self, name: str, conditions: Mapping[str, str]) -> None:
        """Holds forbid it."""
        if name not in self.objects:
            raise Reply(404)
        self._checked(name, conditions)
        resource, _ = self.objects[name]
        if resource.get("temporaryHold") or resource.get("eventBasedHold"):
            raise Reply(403, {"error": {"code": 403, "message": "Object is under active Temporary hold"}})
        del self.objects[name]

    def run_lifecycle(self, now: float) -> int:
        """What the rules delete at `now`; holds keep theirs."""

        def due(resource: Mapping[str, Any], condition: Mapping[str, Any]) -> bool:
            for key, value in condition.items():
                if key == "daysSinceCustomTime":
                    custom = resource.get("customTime")
                    holds = custom is not None and now - moment(custom) >= value * 86_400
                elif key == "age":
                    holds = now - resource["created"] >= value * 86_400
                elif key == "matchesPrefix":
                    holds = resource["name"].startswith(tuple(value))
                else:
                    raise AssertionError(f"a rule's condition {key} is not known here")
                if not holds:
                    return False
            return True

        gone = [
            name
            for name, (resource, _) in self.objects.items()
            if not resource.get("temporaryHold") and any(due(resource, r["condition"]) for r in self.lifecycle["rule"])
        ]
        for name in gone:
            del self.objects[name]
        return len(gone)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    bucket: Bucket

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query))
        kind = "upload" if parts.path.startswith("/upload/") else "object"
        fault = self.bucket.fault(self.command, kind)
        if fault == "reset":
            self.bucket.bytes_in += len(body) if kind == "upload" else 0
            self.close_connection = True
            self.connection.shutdown(2)
            return
        try:
            if self.headers.get("Authorization") != f"Bearer {self.bucket.token}":
                raise Reply(401)
            if fault == "503":
                raise Reply(503)
            with self.bucket.lock:
                self._route(parts.path, query, body, short=fault == "short")
        except Reply as reply:
            self._send(reply)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer

    def _send(self, reply: Reply) -> None:
        content = reply.body if isinstance(reply.body, bytes) else b""
        if isinstance(reply.body, dict):
            content = json.dumps(reply.body).encode()
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _route(self, path: str, query: dict[str, str], body: bytes, *, short: bool) -> None:
        if found := _UPLOAD.fullmatch(path):
            self._same(found[1])
            self.bucket.bytes_in += len(body)
            if self.command == "PUT":
                self._part(query.get("upload_id", ""), body, short=short)
            elif query.get("uploadType") == "multipart":
                self._whole(query, body)
            elif query.get("uploadType") == "resumable":
                self._open(query, body)
        elif found := _OBJECT.fullmatch(path):
            self._same(found[1])
            if found[2] is None:
                raise Reply(200, {"kind": "storage#objects"})
            self._object(unquote(found[2]), query, body)
        raise Reply(400)

    def _same(self, bucket: str) -> None:
        if unquote(bucket) != self.bucket.name:
            raise Reply(404)

    def _whole(self, query: dict[str, str], body: bytes) -> None:
        match = re.fullmatch(r"multipart/related; boundary=(\S+)", self.headers["Content-Type"])
        if match is None:
            raise Reply(400)
        border = b"--" + match[1].encode()
        pieces = body.split(border)
        if len(pieces) != 4 or pieces[3] not in (b"--\r\n", b"--"):
            raise Reply(400)
        head, data = (piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")[2][:-2] for piece in pieces[1:3])
        raise Reply(200, self.bucket.finish(json.loads(head), data, query))

    def _open(self, query: dict[str, str], body: bytes) -> None:
        resource = json.loads(body)
        self.bucket._checked(resource["name"], query)
        upload = secrets.token_urlsafe(24)
        size = int(self.headers["X-Upload-Content-Length"])
        self.bucket.sessions[upload] = Session(resource, query, size)
        host = self.headers["Host"]
        where = f"http://{host}/upload/storage/v1/b/{self.bucket.name}/o?uploadType=resumable&upload_id={upload}"
        raise Reply(200, None, {"Location": where})

    def _part(self, upload: str, body: bytes, *, short: bool) -> None:
        session = self.bucket.sessions.get(upload)
        found = _RANGE.fullmatch(self.headers.get("Content-Range", ""))
        if session is None:
            raise Reply(404)
        if session.done is not None:
            raise Reply(200, session.done)
        if found is None or (found[3] != "*" and int(found[3]) != session.size_bytes):
            raise Reply(400)
        if found[1] is not None:
            self._append(session, int(found[1]), int(found[2]) + 1, body, short=short)
        if len(session.data) == session.size_bytes and found[1] is not None:
            try:
                session.done = self.bucket.finish(session.resource, bytes(session.data), session.conditions)
            except Reply:
                del self.bucket.sessions[upload]
                raise
            raise Reply(200, session.done)
        kept = len(session.data)
        raise Reply(308, None, {"Range": f"bytes=0-{kept - 1}"} if kept else {})

    def _append(self, session: Session, start: int, end: int, body: bytes, *, short: bool) -> None:
        if end - start != len(body) or end > session.size_bytes:
            raise Reply(400)
        if end < session.size_bytes and len(body) % UNIT_BYTES:
            raise Reply(400)
        if start > len(session.data):
            raise Reply(503)
        fresh = body[len(session.data) - start :]
        if short and fresh:
            fresh = fresh[: (len(fresh) - 1) // 2 // UNIT_BYTES * UNIT_BYTES]
        session.data += fresh

    def _object(self, name: str, query: dict[str, str], body: bytes) -> None:
        if self.command == "PATCH":
            raise Reply(200, self.bucket.patch(name, json.loads(body), query))
        if self.command == "DELETE":
            self.bucket.delete(name, query)
            raise Reply(204)
        if name not in self.bucket.objects:
            raise Reply(404)
        resource, data = self.bucket.objects[name]
        if query.get("generation", resource["generation"]) != resource["generation"]:
            raise Reply(404)
        if query.get("alt") != "media":
            raise Reply(200, resource)
        headers = {
            "x-goog-generation": resource["generation"],
            "x-goog-hash": f"crc32c={resource['crc32c']}",
            "Content-Type": resource["contentType"],
        }
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if wanted is None:
            raise Reply(200, data, headers)
        if int(wanted[1]) >= len(data):
            raise Reply(416)
        raise Reply(206, data[int(wanted[1]) : int(wanted[2]) + 1 if wanted[2] else None], headers)


@contextmanager
def serving(bucket: Bucket, port: int = 0) -> Iterator[str]:
    """The base URL while it serves."""
    handler = type("Handler", (_Handler,), {"bucket": bucket})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
