"""Uploads over a real HTTP server that fails, resets and takes less than it was given."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from contract.uploads import UploadGrant
from telephony.errors import MediaError
from telephony.media.upload import UploadRefused, upload

pytestmark = pytest.mark.loopback
CHUNK = 4096


class FaultyStore:
    """Google's resumable protocol with faults drawn from a seed."""

    def __init__(self, seed: int, faults: float) -> None:
        self.random, self.faults = random.Random(seed), faults
        self.kept = b""
        self.finished = 0
        self.received = 0
        self.status = 0

    async def put(self, request: web.Request) -> web.Response:
        if self.status:
            return web.Response(status=self.status)
        body = await request.read()
        self.received += len(body)
        fault = self.random.choice(["503", "reset", "short", "lost"]) if self.random.random() < self.faults else ""
        if fault == "503":
            return web.Response(status=503)
        if fault == "reset":
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        asked = re.fullmatch(r"bytes (?:(\d+)-(\d+)|\*)/(\d+)", request.headers["Content-Range"])
        assert asked is not None
        if asked[1] is not None:
            assert int(asked[1]) == len(self.kept) and int(asked[2]) == int(asked[1]) + len(body) - 1
            self.kept += body[: len(body) // 2] if fault == "short" else body
        if len(self.kept) == int(asked[3]):
            self.finished += 1
            return web.Response(status=503 if fault == "lost" else 200)
        headers = {"Range": f"bytes=0-{len(self.kept) - 1}"} if self.kept else {}
        return web.Response(status=308, headers=headers)


class Client:
    """The signed PUT, here unsigned."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session

    async def put(self, url: str, body: bytes, content_range: str) -> tuple[int, str]:
        headers = {"Content-Range": content_range}
        async with self.session.put(url, data=body, headers=headers, allow_redirects=False) as answer:
            return answer.status, answer.headers.get("Range", "")


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with aiohttp.ClientSession() as session:
        yield Client(session)


async def send(store: FaultyStore, client: Client, path: Path, tries: int = 16) -> None:
    app = web.Application()
    app.router.add_put("/o", store.put)
    async with TestServer(app) as server:
        grant = UploadGrant("o", str(server.make_url("/o")), CHUNK)
        await upload(
            path,
            grant,
            client.put,
            away=(aiohttp.ClientError,),
            tries=tries,
            first_wait_seconds=0.001,
            longest_wait_seconds=0.01,
        )


@pytest.mark.parametrize("seed", range(8))
async def test_a_third_of_the_requests_fails_and_the_object_is_whole(tmp_path: Path, client: Client, seed: int) -> None:
    path, store = tmp_path / "r.wav", FaultyStore(seed, 0.3)
    path.write_bytes(random.Random(seed).randbytes(30 * CHUNK + 77))
    await send(store, client, path)
    assert hashlib.sha256(store.kept).digest() == hashlib.sha256(path.read_bytes()).digest()


async def test_a_good_store_gets_each_byte_once(tmp_path: Path, client: Client) -> None:
    path, store = tmp_path / "r.wav", FaultyStore(0, 0.0)
    path.write_bytes(bytes(10 * CHUNK))
    await send(store, client, path)
    assert store.finished == 1 and store.received == 10 * CHUNK


async def test_a_refusal_is_final_and_an_absence_is_not(tmp_path: Path, client: Client) -> None:
    path, store = tmp_path / "r.wav", FaultyStore(0, 0.0)
    path.write_bytes(b"x" * 100)
    store.status = 410
    with pytest.raises(UploadRefused):
        await send(store, client, path)
    store.status = 503
    with pytest.raises(MediaError) as caught:
        await send(store, client, path, tries=3)
    assert not isinstance(caught.value, UploadRefused)
