"""Headless baresip phones: they register, hum their own note, keep what they hear and obey a control port."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
import time
import wave
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from telephony.media import tones
from telephony.media.codecs import Pcm
from tests.peers.programs import start, stop

MODULES = Path("/usr/lib/baresip/modules")
RATE_HZ, HUM_SECONDS, WAV_HEADER_BYTES = 8000, 300.0, 44
CONFIG = """\
module_path {modules}
{loaded}
module_tmp uuid.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
snd_path {folder}
sip_listen 127.0.0.1:{port}
net_interface 127.0.0.1
audio_source aufile,{folder}/hum.wav
audio_alert aufile,/dev/null
ausrc_srate 8000
ausrc_channels 1
audio_level no
call_max_calls 8
rtp_ports {rtp}-{rtp_last}
jitter_buffer_delay 2-4
rtp_stats no
ctrl_tcp_listen 127.0.0.1:{control}
"""
ACCOUNT = (
    '"{name}" <sip:{user}@{registrar};transport={transport}>;auth_user={user};auth_pass={password};answermode={answers};regint=60;'
    "ptime=20;audio_codecs={codecs}\n"
)


@dataclass
class Baresip:
    """One phone, over TLS it verifies against `ca` and shows its `certificate` with key. `port` begins a block of 40: SIP on it, control on the third, RTP from the eighth on."""

    folder: Path
    port: int
    user: str
    password: str
    registrar: str
    hz: float
    name: str = ""
    answers: str = "manual"
    codecs: str = "PCMU/8000/1,PCMA/8000/1"
    rate_hz: int = RATE_HZ
    transport: str = "udp"
    ca: str = ""
    certificate: str = ""
    events: list[dict[str, Any]] = field(default_factory=list, init=False)
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _control: socket.socket | None = field(default=None, init=False)

    def start(self) -> None:
        """Begin; `ready` tells when it is registered."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with wave.open(str(self.folder / "hum.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE_HZ)
            file.writeframes(tones.sine(self.hz, HUM_SECONDS, RATE_HZ).tobytes())
        loaded = "\n".join(f"module {name}.so" for name in ("g711", "g722", "opus", "aufile", "sndfile"))
        words = {"port": self.port, "control": self.port + 2, "rtp": self.port + 8, "rtp_last": self.port + 38}
        (self.folder / "config").write_text(CONFIG.format(modules=MODULES, loaded=loaded, folder=self.folder, **words))
        (self.folder / "accounts").write_text(
            ACCOUNT.format(
                name=self.name, user=self.user, registrar=self.registrar, password=self.password, answers=self.answers,
                codecs=self.codecs, transport=self.transport,
            )
        )  # fmt: skip
        if self.ca:
            (self.folder / "ca.pem").write_text(self.ca)
            (self.folder / "own.pem").write_text(self.certificate)
            with (self.folder / "config").open("a") as config:
                config.write(
                    f"sip_cafile {self.folder}/ca.pem\nsip_verify_server yes\nsip_certificate {self.folder}/own.pem\n"
                )
        (self.folder / "contacts").write_text("")
        self.process = start(["baresip", "-f", str(self.folder)], self.folder / "log")

    def ready(self, seconds: float = 10.0) -> None:
        """Wait until it is registered."""
        deadline = time.monotonic() + seconds
        while "200 OK" not in (text := (self.folder / "log").read_text(errors="replace")):
            if time.monotonic() > deadline or self.process is None or self.process.poll() is not None:
                raise RuntimeError(f"baresip {self.user} did not register:\n{text[-1500:]}")
            time.sleep(0.05)
        self._control = socket.create_connection(("127.0.0.1", self.port + 2), 3)
        self._control.settimeout(None)
        threading.Thread(target=self._read, args=(self._control,), daemon=True).start()

    def _read(self, control: socket.socket) -> None:
        waiting = b""
        while True:
            try:
                data = control.recv(65536)
            except OSError:
                return
            if not data:
                return
            waiting += data
            while b":" in waiting:
                length, rest = waiting.split(b":", 1)
                if len(rest) <= int(length):
                    break
                told = json.loads(rest[: int(length)])
                waiting = rest[int(length) + 1 :]
                if told.get("event"):
                    self.events.append(told)

    def stop(self) -> None:
        if self._control is not None:
            self._control.close()
        stop(self.process)

    def tell(self, command: str, words: str = "") -> None:
        """dial, accept, hangup, hold, resume, sndcode, answermode, transfer ..."""
        assert self._control is not None
        told = json.dumps({"command": command, "params": words, "token": "t"}).encode()
        self._control.sendall(b"%d:%s," % (len(told), told))

    def forget(self) -> None:
        """Events before now are nobody's business."""
        self.events.clear()

    def saw(self, kind: str) -> str | None:
        """The parameter of the last event of that kind, None when there was none."""
        found = [str(event.get("param", "")) for event in tuple(self.events) if event["type"] == kind]
        return found[-1] if found else None

    @property
    def digits(self) -> str:
        """RFC 4733 digits that began here."""
        return "".join(str(event["param"]) for event in tuple(self.events) if event["type"] == "CALL_DTMF_START")

    def _dump(self) -> Path | None:
        found = sorted(self.folder.glob("dump-*-dec.wav"), key=lambda path: (path.stat().st_mtime_ns, path.name))
        return found[-1] if found else None

    def place(self) -> tuple[Path | None, int]:
        """Where listening stands."""
        dump = self._dump()
        return dump, dump.stat().st_size if dump else 0

    def since(self, place: tuple[Path | None, int]) -> Pcm:
        """What was heard after `place`; baresip 1.0 writes no more once a re-INVITE came."""
        dump = self._dump()
        if dump is None:
            return np.empty(0, np.int16)
        start = max(WAV_HEADER_BYTES, place[1] if dump == place[0] else 0)
        data = dump.read_bytes()[start:]
        return np.frombuffer(data[: len(data) // 2 * 2], np.int16)
