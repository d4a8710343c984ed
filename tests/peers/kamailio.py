"""A Kamailio on loopback as a company's PBX: registrar and proxy with digest authentication."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.peers.programs import path_of, start, stop

TEMPLATE = Path(__file__).with_name("kamailio.cfg")
PROBE = (
    "OPTIONS sip:127.0.0.1:{port} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{mine};branch=z9hG4bKup\r\nMax-Forwards: 9\r\n"
    "From: <sip:probe@probe.test>;tag=1\r\nTo: <sip:127.0.0.1:{port}>\r\nCall-ID: up\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
)

TLS = """\
[server:default]
method = TLSv1.2+
verify_certificate = {asks}
require_certificate = {asks}
private_key = {folder}/server.key
certificate = {folder}/server.pem
{trusted}[client:default]
method = TLSv1.2+
verify_certificate = no
require_certificate = no
"""


@dataclass
class Kamailio:
    """`users` are passwords by extension; numbers that begin with 9 go to `carrier` (host:port).

    With a `certificate` and its key it listens on TCP at `port` and on TLS at the one after it, too; with `clients` (a CA)
    it demands a certificate of theirs.
    """

    folder: Path
    port: int
    users: Mapping[str, str]
    carrier: str = "127.0.0.1:9"
    algorithm: str = "MD5"
    nonce_seconds: int = 300
    one_time_nonces: bool = False
    certificate: tuple[str, str] | None = None
    clients: str = ""
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        words = {
            "PORT": str(self.port),
            "CARRIER": self.carrier,
            **self._streams(),
            "ALGORITHM": self.algorithm,
            "NONCE_SECONDS": str(self.nonce_seconds),
            "ONE_TIME": str(int(self.one_time_nonces)),
            "PASSWORDS": "\n".join(f'\t$sht(pw=>{user}) = "{word}";' for user, word in self.users.items()),
        }
        text = TEMPLATE.read_text()
        for word, value in words.items():
            text = text.replace(f"@{word}@", value)
        config = self.folder / "kamailio.cfg"
        config.write_text(text)
        command = [
            str(path_of("kamailio")),
            "-f",
            str(config),
            "-m",
            "32",
            "-M",
            "4",
            "-w",
            str(self.folder),
            "-Y",
            str(self.folder),
        ]
        self.process = start([*command, "-DD", "-E"], self.folder / "log")
        self._until_it_answers()

    def _streams(self) -> dict[str, str]:
        if self.certificate is None:
            return {"NO_TCP": "yes", "TLS": "no", "LISTEN": "", "TLS_MODULE": ""}
        for name, text in zip(
            ("server.pem", "server.key", "clients.pem"), (*self.certificate, self.clients), strict=True
        ):
            (self.folder / name).write_text(text)
        asks = "yes" if self.clients else "no"
        trusted = f"ca_list = {self.folder}/clients.pem\n" if self.clients else ""
        (self.folder / "tls.cfg").write_text(TLS.format(folder=self.folder, asks=asks, trusted=trusted))
        listen = f"listen=tcp:127.0.0.1:{self.port}\nlisten=tls:127.0.0.1:{self.port + 1}"
        module = f'loadmodule "tls.so"\nmodparam("tls", "config", "{self.folder}/tls.cfg")'
        return {"NO_TCP": "no", "TLS": "yes", "LISTEN": listen, "TLS_MODULE": module}

    def _until_it_answers(self) -> None:
        assert self.process is not None
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            probe.settimeout(0.2)
            asked = PROBE.format(port=self.port, mine=probe.getsockname()[1]).encode()
            deadline = time.monotonic() + 10
            while time.monotonic() < deadline and self.process.poll() is None:
                probe.sendto(asked, ("127.0.0.1", self.port))
                try:
                    if b" 200 " in probe.recv(4096):
                        return
                except OSError:
                    time.sleep(0.05)
        self.stop()
        raise RuntimeError("kamailio does not answer:\n" + (self.folder / "log").read_text()[-2000:])

    def stop(self) -> None:
        stop(self.process)
