"""Who has a live webphone: windows of each person, one of them the phone, the others remote controls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from contract.numbers import TenantId, UserId

FRESH_SECONDS = 12.0

Person = tuple[TenantId, UserId]


class Window(Protocol):
    """One open page of a person."""

    session: str
    role: str
    alive_at: float
    web_session: str

    def notify(self, method: str, params: dict[str, Any]) -> None:
        """Queue one notification; never blocks."""
        ...

    def close(self, method: str) -> None:
        """Tell the page why and close it."""
        ...


@dataclass(slots=True)
class Phones:
    """Windows by person; `on_empty` hears when a person's phone window went away."""

    monotonic: Callable[[], float]
    on_gone: Callable[[Person], None] = lambda _: None
    on_back: Callable[[Person], None] = lambda _: None
    _windows: dict[Person, list[Window]] = field(default_factory=dict)

    def attach(self, person: Person, window: Window, resumes: str | None) -> str:
        """The window's role: the phone if there is none, or if it resumes the phone's own session."""
        windows = self._windows.setdefault(person, [])
        for other in [w for w in windows if resumes and w.session == resumes]:
            self.detach(person, other)
            other.close("session.replaced")
        windows = self._windows.setdefault(person, [])
        window.role = "remote" if any(w.role == "phone" for w in windows) else "phone"
        window.alive_at = self.monotonic()
        windows.append(window)
        if window.role == "phone":
            self.on_back(person)
        return window.role

    def detach(self, person: Person, window: Window) -> None:
        """The window is gone; if it was the phone, its person's calls have no voice now."""
        windows = self._windows.get(person, [])
        if window in windows:
            windows.remove(window)
            if window.role == "phone":
                self.on_gone(person)
        if not windows:
            self._windows.pop(person, None)

    def take(self, person: Person, window: Window) -> None:
        """This window becomes the phone, the others remote controls."""
        for other in self._windows.get(person, []):
            if other is not window and other.role == "phone":
                other.role = "remote"
                other.notify("session.role", {"role": "remote"})
        window.role = "phone"
        window.alive_at = self.monotonic()
        self.on_back(person)

    def fresh(self, person: Person) -> bool:
        """True with proof of life of the phone window within 12 s."""
        now = self.monotonic()
        return any(w.role == "phone" and now - w.alive_at <= FRESH_SECONDS for w in self._windows.get(person, []))

    def tell(self, person: Person, method: str, params: dict[str, Any]) -> None:
        """Notify every window of a person."""
        for window in tuple(self._windows.get(person, [])):
            window.notify(method, params)

    def end_sessions(self, person: Person, web_session: str = "") -> bool:
        """Close a person's windows, or those of one web session; True when the phone was among them."""
        windows = [w for w in self._windows.get(person, []) if web_session in {"", w.web_session}]
        phone = any(window.role == "phone" for window in windows)
        for window in windows:
            self.detach(person, window)
            window.close("session.ended")
        return phone

    def people(self) -> tuple[Person, ...]:
        """Everyone with a window."""
        return tuple(self._windows)
