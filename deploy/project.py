"""deploy/project.toml: which project, where, under which names; every mistake is listed at once."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import urlsplit

from contract.addresses import read_networks

# App Engine still calls two regions by their old names (gcloud app regions list).
_APP_ENGINE_NAMES = {"us-central1": "us-central", "europe-west1": "europe-west"}
_HOST = re.compile(r"(?=.{4,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}", re.ASCII)
_SHAPES = {
    "project": re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]", re.ASCII),
    "region": re.compile(r"[a-z]+-[a-z]+[0-9]{1,2}", re.ASCII),
    "zone": re.compile(r"[a-z]+-[a-z]+[0-9]{1,2}-[a-z]", re.ASCII),
    "phone_host": _HOST,
    "web_client_id": re.compile(r"[0-9a-z-]+\.apps\.googleusercontent\.com|", re.ASCII),
    "machine_type": re.compile(r"[a-z0-9]+-[a-z0-9-]+", re.ASCII),
}


class BadProject(ValueError):
    """What is wrong with the file, all of it."""


@dataclass(frozen=True, slots=True)
class Project:
    """One deployment; `base_url` is "" where App Engine's own host name is used."""

    project: str
    region: str
    zone: str
    phone_host: str
    web_client_id: str = ""
    machine_type: str = "e2-standard-2"
    min_instances: int = 1
    max_instances: int = 4
    base_url: str = ""
    pbx_networks: str = ""

    @property
    def app_engine_region(self) -> str:
        """The region as App Engine calls it."""
        return _APP_ENGINE_NAMES.get(self.region, self.region)

    @property
    def recordings_bucket(self) -> str:
        """The bucket of recordings."""
        return f"{self.project}-recordings"

    @property
    def releases_bucket(self) -> str:
        """The bucket of what the telephony host installs."""
        return f"{self.project}-releases"

    @property
    def queue(self) -> str:
        """The queue's full name."""
        return f"projects/{self.project}/locations/{self.region}/queues/jobs"

    @property
    def kms_key(self) -> str:
        """The key that wraps secrets and recordings."""
        return f"projects/{self.project}/locations/{self.region}/keyRings/cticontrol/cryptoKeys/data"

    def account(self, part: str) -> str:
        """The address of a part's service account."""
        return f"cticontrol-{part}@{self.project}.iam.gserviceaccount.com"


def read_project(text: str) -> Project:
    """Raises BadProject."""
    try:
        raw: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadProject(f"not TOML: {error}") from None
    known = {field.name for field in fields(Project)}
    problems = [f"{name} is no setting: {', '.join(sorted(known))}" for name in sorted(set(raw) - known)]
    for name, shape in _SHAPES.items():
        value = raw.get(name, "" if name == "web_client_id" else "e2-standard-2" if name == "machine_type" else None)
        if not isinstance(value, str) or not shape.fullmatch(value):
            problems.append(f"{name} is missing or cannot be: {value!r}")
    for name in ("min_instances", "max_instances"):
        value = raw.get(name, 1)
        if type(value) is not int or not 0 <= value <= 100:
            problems.append(f"{name} must be a whole number from 0 to 100")
    if not problems and not raw["zone"].startswith(raw["region"] + "-"):
        problems.append("zone must lie in region")
    if not problems and raw.get("min_instances", 1) > raw.get("max_instances", 4):
        problems.append("min_instances is more than max_instances")
    problems += _base_problems(raw.get("base_url", ""))
    try:
        read_networks(str(raw.get("pbx_networks", "")))
    except ValueError as error:
        problems.append(f"pbx_networks: {error}")
    if problems:
        raise BadProject("\n".join(problems))
    return Project(**raw)


def _base_problems(value: Any) -> list[str]:
    if value == "":
        return []
    parts = urlsplit(value if isinstance(value, str) else "")
    whole = parts.scheme == "https" and value == f"https://{parts.hostname}" and _HOST.fullmatch(parts.hostname or "")
    return [] if whole else ["base_url must be https://HOST and nothing more"]
