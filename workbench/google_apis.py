"""Stand-ins for the Gmail API and the People API: bearer and scopes are enforced, errors have Google's shape."""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from workbench.cast import PLAYERS
from workbench.mails import Mail, gmail_resource
from workbench.tokens import Issuer

_AUTH = "https://www.googleapis.com/auth/"
METADATA = (_AUTH + "gmail.addons.current.message.metadata",)
READONLY = (_AUTH + "gmail.addons.current.message.readonly",)
CONTACTS = (_AUTH + "contacts", _AUTH + "contacts.readonly")
OTHERS = (_AUTH + "contacts.other.readonly",)
DIRECTORY = (_AUTH + "directory.readonly",)
WRITE = (_AUTH + "contacts",)
Handler = Callable[[web.Request], Any]


class Refused(Exception):
    """An answer in Google's error shape (google.rpc.Status in JSON)."""

    def __init__(self, code: int, status: str, message: str, reason: str = "") -> None:
        super().__init__(message)
        error: dict[str, Any] = {"code": code, "message": message, "status": status}
        if reason:
            kind = "type.googleapis.com/google.rpc.ErrorInfo"
            error["errors"] = [{"message": message, "domain": "global", "reason": "insufficientPermissions"}]
            error["details"] = [{"@type": kind, "reason": reason, "domain": "googleapis.com"}]
        self.code, self.body = code, {"error": error}


def _person(
    kind: str, name: str, email: str, *numbers: tuple[str, str], org: str = "", title: str = ""
) -> dict[str, Any]:
    key = email.replace("@", "_at_").replace(".", "_")
    return {
        "resourceName": f"{kind}/{key}",
        "etag": "%wb",
        "names": [{"displayName": name, "givenName": name.split()[0], "familyName": name.split()[-1]}],
        "emailAddresses": [{"value": email}],
        "phoneNumbers": [{"value": value, "type": label} for value, label in numbers],
        "organizations": [{"name": org, "title": title}] if org else [],
    }


def sample_people() -> dict[str, list[dict[str, Any]]]:
    """Contacts, other contacts and directory of the sample accounts."""
    ada = _person(
        "people",
        "Ana Lucía Paredes",
        "ana.paredes@quitotech.example",
        ("+593 99 123 4567", "mobile"),
        ("02 255 1234", "work"),
        org="QuitoTech",
        title="Gerente de compras",
    )
    kim = _person(
        "people",
        "Kim Whitaker",
        "kim@harborfreight.example",
        ("(212) 555-0142", "work"),
        org="Harbor Freight Co.",
        title="Operations",
    )
    other = _person(
        "otherContacts", "Juan Camilo Restrepo", "jc.restrepo@andino.example", ("+57 300 555 0199", "mobile")
    )
    staff = [
        _person("people", player.name, player.email, (player.extension, "work"), org=player.tenant.title())
        for player in PLAYERS.values()
    ]
    return {"contacts": [ada, kim], "others": [other], "directory": staff}


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in plain if not unicodedata.combining(c))


def _matches(person: Mapping[str, Any], query: str) -> bool:
    words = [person["names"][0]["displayName"], *(e["value"] for e in person["emailAddresses"])]
    words += [n["value"] for n in person["phoneNumbers"]]
    asked = _folded(query)
    tokens = [token for word in words for token in [_folded(word), *_folded(word).split()]]
    return bool(asked) and any(token.startswith(asked) for token in tokens)


def _masked(person: Mapping[str, Any], mask: str) -> dict[str, Any]:
    fields = {name.strip() for name in mask.split(",") if name.strip()}
    if not fields:
        raise Refused(400, "INVALID_ARGUMENT", "Request must have a readMask.")
    return {name: value for name, value in person.items() if name in fields | {"resourceName", "etag"}}


@dataclass(slots=True)
class GoogleApis:
    """The two APIs over the sample mails and people; contacts that are added live as long as the process."""

    issuer: Issuer
    mails: Mapping[str, Mail]
    people: dict[str, list[dict[str, Any]]] = field(default_factory=sample_people)
    created: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def _caller(self, request: web.Request, scopes: tuple[str, ...]) -> str:
        found = self.issuer.opened_access(request.headers.get("Authorization", ""))
        if found is None:
            raise Refused(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
        subject, granted = found
        if not granted & set(scopes):
            text = "Request had insufficient authentication scopes."
            raise Refused(403, "PERMISSION_DENIED", text, "ACCESS_TOKEN_SCOPE_INSUFFICIENT")
        return subject

    async def message(self, request: web.Request) -> web.Response:
        """users.messages.get of the one message whose token came with the event."""
        form = request.query.get("format", "full")
        subject = self._caller(request, READONLY if form == "full" else METADATA + READONLY)
        asked = request.match_info["id"]
        mail = self.mails.get(asked) or self.mails.get("msg-f:" + asked)
        opened = self.issuer.opened_message(request.headers.get("X-Goog-Gmail-Access-Token", ""))
        if opened is None or opened[0] != subject or mail is None or opened[1] != mail.id:
            raise Refused(
                403, "PERMISSION_DENIED", "Access to this message was not granted.", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"
            )
        return web.json_response(gmail_resource(mail, full=form == "full"))

    async def contacts(self, request: web.Request) -> web.Response:
        """people:searchContacts (prefix match, readMask)."""
        subject = self._caller(request, CONTACTS)
        pool = self.people["contacts"] + self.created.get(subject, [])
        return self._results(request, pool)

    async def others(self, request: web.Request) -> web.Response:
        """otherContacts:search."""
        self._caller(request, OTHERS)
        return self._results(request, self.people["others"])

    def _results(self, request: web.Request, pool: list[dict[str, Any]]) -> web.Response:
        query, mask = request.query.get("query", ""), request.query.get("readMask", "")
        return web.json_response({"results": [{"person": _masked(p, mask)} for p in pool if _matches(p, query)][:30]})

    async def directory(self, request: web.Request) -> web.Response:
        """people:searchDirectoryPeople: only the caller's own organisation."""
        subject = self._caller(request, DIRECTORY)
        if not request.query.get("sources"):
            raise Refused(400, "INVALID_ARGUMENT", "Must specify at least one source.")
        domain = "@" + PLAYERS[subject].hd
        pool = [p for p in self.people["directory"] if p["emailAddresses"][0]["value"].endswith(domain)]
        query, mask = request.query.get("query", ""), request.query.get("readMask", "")
        found = [_masked(p, mask) for p in pool if _matches(p, query)]
        return web.json_response({"people": found, "totalSize": len(found)})

    async def create(self, request: web.Request) -> web.Response:
        """people:createContact."""
        subject = self._caller(request, WRITE)
        body = await request.json()
        names = body.get("names") or [{}]
        shown = names[0].get("displayName") or names[0].get("unstructuredName") or names[0].get("givenName") or ""
        person = {
            "resourceName": f"people/c{next(self.numbers)}",
            "etag": "%wb",
            "names": [{"displayName": str(shown)}],
            "emailAddresses": [{"value": str(e.get("value", ""))} for e in body.get("emailAddresses", [])],
            "phoneNumbers": [dict(n) for n in body.get("phoneNumbers", [])],
            "organizations": [],
        }
        self.created.setdefault(subject, []).append(person)
        return web.json_response(person)

    def routes(self) -> list[web.RouteDef]:
        """Google's paths under /google/gmail and /google/people."""
        return [
            web.get("/google/gmail/gmail/v1/users/me/messages/{id}", _shaped(self.message)),
            web.get("/google/people/v1/people:searchContacts", _shaped(self.contacts)),
            web.get("/google/people/v1/otherContacts:search", _shaped(self.others)),
            web.get("/google/people/v1/people:searchDirectoryPeople", _shaped(self.directory)),
            web.post("/google/people/v1/people:createContact", _shaped(self.create)),
        ]


def _shaped(handler: Handler) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            found: web.StreamResponse = await handler(request)
            return found
        except Refused as refused:
            return web.json_response(refused.body, status=refused.code)

    return answer
