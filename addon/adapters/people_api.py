"""People API: contacts, other contacts and the company directory, searched side by side."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import phonenumbers
import requests

from addon.domain.people import FoundNumber, Person, Source
from addon.event import UserTokens
from addon.ports.google import GoogleAway, ScopeMissing

TIMEOUT_SECONDS = 3.0
_SCOPE = "https://www.googleapis.com/auth/"
_MASK = "names,emailAddresses,phoneNumbers,organizations"
_PLACES: tuple[tuple[Source, str, str, dict[str, str]], ...] = (
    (Source.CONTACTS, "contacts", "people:searchContacts", {}),
    (Source.OTHER_CONTACTS, "contacts.other.readonly", "otherContacts:search", {}),
    (Source.DIRECTORY, "directory.readonly", "people:searchDirectoryPeople", {"sources": "DIRECTORY_SOURCE_TYPE_DOMAIN_PROFILE"}),
)  # fmt: skip


def _first(person: Mapping[str, Any], field: str, key: str) -> str:
    found = person.get(field) or [{}]
    return str(found[0].get(key, "")) if isinstance(found[0], Mapping) else ""


def _number(raw: Mapping[str, Any], source: Source, region: str) -> FoundNumber | None:
    shown = str(raw.get("value", ""))[:60]
    try:
        number = phonenumbers.parse(str(raw.get("canonicalForm") or shown), region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return FoundNumber(shown, shown, source)
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    kind = str(raw.get("type", ""))
    label = "fax" if "fax" in kind.lower() else kind if kind in {"mobile", "work", "home"} else ""
    return FoundNumber(
        e164, shown, source, label, number.extension or "", phonenumbers.region_code_for_number(number) or ""
    )


def _address(raw: Mapping[str, Any], asked: str) -> str:
    """The address that was asked for when it is one of the person's, else the first."""
    addresses = [str(e.get("value", "")).lower() for e in raw.get("emailAddresses") or []]
    return asked.lower() if asked.lower() in addresses else next(iter(addresses), "")


def _person(raw: Mapping[str, Any], source: Source, region: str, asked: str) -> Person:
    numbers = [_number(n, source, region) for n in raw.get("phoneNumbers") or []]
    return Person(
        _first(raw, "names", "displayName")[:200],
        _address(raw, asked)[:254],
        _first(raw, "organizations", "name")[:200],
        source,
        tuple(n for n in numbers if n is not None)[:20],
    )


class PeopleApi:
    """`base_url` is https://people.googleapis.com; `region` reads national spellings in contacts."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url

    def _search(self, tokens: UserTokens, path: str, query: Mapping[str, str]) -> list[Mapping[str, Any]]:
        try:
            answer = requests.get(
                f"{self._base_url}/v1/{path}",
                params={"readMask": _MASK, "pageSize": "10", **query},
                headers={"Authorization": f"Bearer {tokens.oauth}"},
                timeout=TIMEOUT_SECONDS,
                allow_redirects=False,
            )
            raw = answer.json() if answer.status_code == 200 else None
        except (requests.RequestException, ValueError) as error:
            raise GoogleAway("people") from error
        if not isinstance(raw, dict):
            raise GoogleAway(f"people answered {answer.status_code}")
        return [r["person"] for r in raw.get("results") or [] if "person" in r] or list(raw.get("people") or [])

    def find(self, tokens: UserTokens, query: str, region: str = "") -> list[Person]:
        """Sources that were not granted are left out; raises GoogleAway when one is silent and no other knows anybody."""
        granted = [place for place in _PLACES if _SCOPE + place[1] in tokens.scopes]

        silent: list[GoogleAway] = []

        def ask(place: tuple[Source, str, str, dict[str, str]]) -> list[Person]:
            try:
                found = self._search(tokens, place[2], {"query": query[:200], **place[3]})
            except GoogleAway as away:
                silent.append(away)
                return []
            return [_person(raw, place[0], region, query) for raw in found]

        if not granted or not query:
            return []
        with ThreadPoolExecutor(len(granted)) as pool:
            people = [person for found in pool.map(ask, granted) for person in found]
        if silent and not people:
            raise silent[0]
        return people

    def create(self, tokens: UserTokens, name: str, email: str, number: str) -> Person:
        """people:createContact; raises ScopeMissing, GoogleAway."""
        if _SCOPE + "contacts" not in tokens.scopes:
            raise ScopeMissing(_SCOPE + "contacts")
        body: dict[str, Any] = {"names": [{"givenName": name}], "phoneNumbers": [{"value": number, "type": "work"}]}
        if email:
            body["emailAddresses"] = [{"value": email}]
        try:
            answer = requests.post(
                f"{self._base_url}/v1/people:createContact",
                params={"personFields": _MASK},
                json=body,
                headers={"Authorization": f"Bearer {tokens.oauth}"},
                timeout=TIMEOUT_SECONDS,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise GoogleAway("people") from error
        if answer.status_code != 200:
            raise GoogleAway(f"people answered {answer.status_code}")
        return Person(name, email, "", Source.CONTACTS, (FoundNumber(number, number, Source.CONTACTS),))
