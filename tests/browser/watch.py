"""What a page must not do: dialogs, script errors, policy reports; and what it weighs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Page

# A refused resource shows as a console error as well; both are kept.
_REPORTS = """window.reports = []; addEventListener('securitypolicyviolation',
  (event) => window.reports.push(event.violatedDirective + ' ' + event.blockedURI + ' ' + event.sample));"""


@dataclass
class Watch:
    """One page under watch from before its first load."""

    page: Page
    dialogs: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    weights: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.page.add_init_script(_REPORTS)
        self.page.on("dialog", self._dialog)
        self.page.on("pageerror", lambda error: self.errors.append(f"script: {error}"))
        self.page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        self.page.on("requestfinished", self._weigh)

    def _dialog(self, dialog: Any) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def _weigh(self, request: Any) -> None:
        if request.url.startswith("http"):
            self.weights[request.url] = request.sizes()["responseBodySize"]

    @property
    def reports(self) -> list[str]:
        """Content-Security-Policy violations of the page itself."""
        found: list[str] = self.page.evaluate("window.reports")
        return found

    def assert_quiet(self) -> None:
        """No dialog, no error, no report."""
        assert (self.dialogs, self.errors, self.reports) == ([], [], [])
