"""What the telephony program must be told, checked once, every mistake listed."""

from __future__ import annotations

import base64
import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from contract.addresses import Network, Reach, read_networks
from contract.log_lines import FORMATS
from contract.wire import Keys

_KEY_BYTES = 32

# Name, unit, default and meaning of every setting: docs/CONFIGURATION.md is written from it.
SETTINGS = (
    ("TELEPHONY_PORT", "port", "`8082`", "commands from the add-on and the webphones' socket; 0 takes any free one"),
    ("BIND", "host", "`127.0.0.1`", "the address to listen on"),
    ("ADDON_URL", "URL", "required", "where the service reaches the add-on; https but with DEV=1"),
    ("ALLOWED_ORIGIN", "origin", "required", "the pages that may open the webphones' socket: the add-on's BASE_URL"),
    ("ADVERTISED_IP", "IP address", "required; `127.0.0.1` with DEV=1", "the address that PBXs send to"),
    ("DATA_DIR", "folder", "`.data`", "journal, outbox, sealed lines and recordings that are not stored yet"),
    ("KEYS_FILE", "file", "`.keys/keys.json`", "the add-on's own: four of its purposes are read"),
    ("PBX_NETWORKS", "networks", "empty: none", "private networks that hold PBXs, such as `10.20.0.0/16,192.168.7.0/24`: nothing else private is called"),
    ("METRICS_PORT", "port", "empty: none", "GET /metrics for Prometheus, on 127.0.0.1 alone"),
    ("LOG_FORMAT", "`plain` or `json`", "`plain`", "how log lines are written to standard error: for people, or as Cloud Logging reads them"),
    ("DEV", "1 or empty", "empty", "a laptop: PBXs on loopback, http; refused on App Engine and off loopback"),
    ("GAE_ENV", "set by App Engine", "empty", "nothing is for you to set: it forbids DEV=1"),
)  # fmt: skip
_PURPOSES = ("addon-to-telephony", "telephony-to-addon", "tickets", "lines")


class BadConfig(ValueError):
    """One or more settings are wrong; `problems` names them all."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Config:
    """Settings of one telephony process; `keys` is by purpose."""

    port: int
    bind: str
    addon_url: str
    allowed_origin: str
    data_dir: Path
    dev: bool
    advertised_ip: str
    keys: Mapping[str, Keys] = field(repr=False)
    log_format: str = "plain"
    metrics_port: int = 0
    reach: Reach = field(default_factory=Reach)


def is_loopback(host: str) -> bool:
    """True for localhost and loopback addresses."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _keys(path: Path, problems: list[str]) -> dict[str, Keys]:
    try:
        raw = json.loads(path.read_text())
        found = {
            purpose: Keys({kid: base64.b64decode(text, validate=True) for kid, text in raw[purpose].items()})
            for purpose in _PURPOSES
        }
    except OSError as error:
        problems.append(f"KEYS_FILE: {error.strerror}")
        return {}
    except (ValueError, KeyError, AttributeError, TypeError):
        problems.append(f"KEYS_FILE: a JSON object with {', '.join(_PURPOSES)}, each kid: base64, is needed")
        return {}
    for purpose, keys in found.items():
        if not keys.secrets or any(len(secret) != _KEY_BYTES for secret in keys.secrets.values()):
            problems.append(f"KEYS_FILE: {purpose} needs keys of {_KEY_BYTES} bytes")
    return found


def _url(env: Mapping[str, str], name: str, problems: list[str]) -> str:
    text = env.get(name, "").rstrip("/")
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        problems.append(f"{name}: an http(s) address is needed")
    return text


def _port(name: str, text: str, problems: list[str]) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < 65536):
        problems.append(f"{name}: a number from 0 to 65535 is needed")
        return 0
    return int(text)


def _advertised(env: Mapping[str, str], dev: bool, problems: list[str]) -> str:
    text = env.get("ADVERTISED_IP", "127.0.0.1" if dev else "")
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        problems.append("ADVERTISED_IP: the address that PBXs reach is needed")
        return text
    if address.is_loopback and not dev:
        problems.append("ADVERTISED_IP: loopback is for DEV=1 only")
    return text


def read_config(env: Mapping[str, str]) -> Config:
    """The settings in `env`; raises BadConfig with every mistake."""
    problems: list[str] = []
    dev = env.get("DEV", "") == "1"
    bind = env.get("BIND", "127.0.0.1")
    addon_url = _url(env, "ADDON_URL", problems)
    origin = _url(env, "ALLOWED_ORIGIN", problems)
    log_format = env.get("LOG_FORMAT", "plain")
    if log_format not in FORMATS:
        problems.append(f"LOG_FORMAT: one of {', '.join(FORMATS)} is needed")
    if dev and (env.get("GAE_ENV") or not is_loopback(bind)):
        problems.append("DEV: only on loopback and never on App Engine")
    if not dev and addon_url.startswith("http:"):
        problems.append("ADDON_URL: https is needed outside DEV=1")
    networks: tuple[Network, ...] = ()
    try:
        networks = read_networks(env.get("PBX_NETWORKS", ""))
    except ValueError as error:
        problems.append(f"PBX_NETWORKS: {error}")
    config = Config(
        port=_port("TELEPHONY_PORT", env.get("TELEPHONY_PORT", "8082"), problems),
        bind=bind,
        addon_url=addon_url,
        allowed_origin=origin,
        data_dir=Path(env.get("DATA_DIR", ".data")),
        dev=dev,
        advertised_ip=_advertised(env, dev, problems),
        log_format=log_format,
        metrics_port=_port("METRICS_PORT", env.get("METRICS_PORT", "") or "0", problems),
        reach=Reach(networks, dev),
        keys=_keys(Path(env.get("KEYS_FILE", ".keys/keys.json")), problems),
    )
    if problems:
        raise BadConfig(problems)
    return config
