"""Who plays in the workbench: two tenants, three users, and the permissions that they may grant."""

from __future__ import annotations

from dataclasses import dataclass

from cards.surface import SCOPES

SERVICE_ACCOUNT = "service-100200300400@gcp-sa-gsuiteaddons.iam.gserviceaccount.com"
CLIENT_ID = "100200300400-workbench.apps.googleusercontent.com"
WEB_CLIENT_ID = "100200300400-web.apps.googleusercontent.com"
ALL_SCOPES = tuple(scope.url for scope in SCOPES)


@dataclass(frozen=True, slots=True)
class Player:
    """One sample person with a Google account."""

    sub: str
    name: str
    email: str
    hd: str
    tenant: str
    extension: str
    desk: str


PLAYERS = {
    player.sub: player
    for player in (
        Player("alice", "Alice Andrade", "alice@acme.example", "acme.example", "acme", "1001", "2001"),
        Player("bob", "Bob Benítez", "bob@acme.example", "acme.example", "acme", "1002", "2002"),
        Player("charlie", "Charlie Zeta", "charlie@zeta.example", "zeta.example", "zeta", "3001", ""),
    )
}
TENANTS = {"acme": ("Acme", "acme.example", "EC"), "zeta": ("Zeta", "zeta.example", "US")}


def password_of(extension: str) -> str:
    """The demo PBX's password of an extension; the PBX is on loopback only."""
    return f"demo-{extension}"
