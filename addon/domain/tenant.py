"""Tenants and their users."""

from __future__ import annotations

from dataclasses import dataclass

from contract.calls import Device
from contract.numbers import LineId, TenantId, UserId


@dataclass(frozen=True, slots=True)
class Tenant:
    """A customer: `region` is its home country (ISO 3166), the places it may dial are policy."""

    id: TenantId
    name: str
    domains: tuple[str, ...]
    region: str = "EC"
    allowed_regions: tuple[str, ...] = ()
    recording_allowed: bool = True
    places_without_recording: tuple[str, ...] = ()
    retention_max_days: int = 365
    day_cost_cap_cents: int = 5000
    suspended: bool = False


@dataclass(frozen=True, slots=True)
class User:
    """A person of the tenant; `id` is Google's `sub`."""

    id: UserId
    tenant: TenantId
    email: str
    name: str
    extension: str = ""
    desk: str = ""
    line: LineId | None = None
    admin: bool = False
    suspended: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """What a user chose; `rev` is the precondition of an update. `language` "" follows Google's locale."""

    record_calls: bool = False
    retention_days: int = 30
    device: Device = Device.BROWSER
    language: str = ""
    rev: int = 0
