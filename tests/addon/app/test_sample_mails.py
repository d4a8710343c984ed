"""Every sample mail shows its people's numbers, with country and extension, to readers in Ecuador and the United States."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from email.utils import parseaddr
from pathlib import Path
from typing import Any

import pytest

from addon.adapters.gmail_api import text_of_html
from addon.adapters.people_api import PeopleApi
from addon.domain.people import Person
from addon.domain.tenant import Tenant
from addon.event import UserTokens
from addon.ports.google import Mailbox, Message
from contract.numbers import TenantId
from tests.cast import House, Mail
from workbench import mails
from workbench.cast import PLAYERS, TENANTS
from workbench.google_apis import sample_people

pytestmark = pytest.mark.pure
SHOWN = {
    "01-ecuador": ["+593991234567", "+59322551234 ext. 12"],
    "02-colombia": ["+573005550199", "+576015550100"],
    "03-mexico": ["+523355501234", "+523355505678"],
    "04-argentina": ["+5491155550147", "+541155550100"],
    "05-brasil": ["+5511955550123", "+551135550123"],
    "06-united-states": ["+12125550142 ext. 305", "+18005550199"],
    "07-united-kingdom": ["+442079460958", "+447700900123"],
    "08-germany": ["+493090182015", "+4915123456789"],
    "09-many-numbers": ["+59322551200", "+59342551200", "+576015550101", "+13055550148", "+34910000123"],
    "10-no-number": [],
    "11-right-to-left": ["+97235550123"],
    "12-hostile": ["+19005550100"],
    "13-colleague": [],
    "14-reply-chain": ["+59342559876", "+59322550000", "+59342551111"],
}
READERS = ("alice", "bob", "charlie")


class Samples(Mail):
    """Gmail with one sample mail; People with the sample contacts or nobody."""

    def __init__(self, mail: mails.Mail, contacts: bool) -> None:
        super().__init__()
        self.mail, self.contacts = mail, contacts

    def message(self, tokens: UserTokens, message_id: str) -> Message:
        name, email = parseaddr(str(self.mail.mime["From"]))
        text = self.mail.text() or text_of_html(self.mail.html())
        return Message(message_id, Mailbox(email, name), (), str(self.mail.mime["Subject"]), text)

    def find(self, tokens: UserTokens, query: str, region: str = "") -> list[Person]:
        return SampleContacts("").find(tokens, query, region) if self.contacts else []


class SampleContacts(PeopleApi):
    """The adapter, with the sample contacts as what Google answers."""

    def _search(self, tokens: UserTokens, path: str, query: Mapping[str, str]) -> list[Mapping[str, Any]]:
        return sample_people()["contacts"] if path == "people:searchContacts" else []


def rows(node: Any) -> Iterator[str]:
    """Each number of a card, without its separators, and its extension."""
    if isinstance(node, dict):
        shown = node.get("decoratedText", {})
        if shown.get("startIcon", {}).get("knownIcon") == "PHONE":
            number, *extension = re.sub("<[^>]*>", "", shown["text"]).replace("\u00a0", " ").partition(" ext.")
            if any(c.isdigit() for c in number):
                yield re.sub(r"[ ()-]", "", number) + "".join(extension)
        for value in node.values():
            yield from rows(value)
    elif isinstance(node, list):
        for item in node:
            yield from rows(item)


def reasons(node: Any) -> Iterator[str]:
    """What stands below each number of a card."""
    if isinstance(node, dict):
        shown = node.get("decoratedText", {})
        if shown.get("startIcon", {}).get("knownIcon") == "PHONE" and "+" in shown["text"]:
            yield shown.get("bottomLabel", "")
        for value in node.values():
            yield from reasons(value)
    elif isinstance(node, list):
        for item in node:
            yield from reasons(item)


@pytest.mark.parametrize("reader", READERS)
def test_both_british_numbers_say_that_their_country_is_not_allowed(tmp_path: Path, reader: str) -> None:
    mail = next(mail for mail in mails.load_mails().values() if mail.mime["Subject"] == "Lunch on Wednesday?")
    house = House(tmp_path, mail=Samples(mail, contacts=False))
    player = PLAYERS[reader]
    house.tenancy.put(Tenant(TenantId(player.tenant), player.tenant, (player.hd,), region=TENANTS[player.tenant][2]))
    said = list(reasons(house.post("/on/gmail.message", house.event(reader)).json))
    assert len(said) == 2 and len(set(said)) == 1 and "(United Kingdom)" in said[0]


@pytest.mark.parametrize("contacts", [False, True], ids=["strangers", "contacts"])
@pytest.mark.parametrize("reader", READERS)
def test_the_numbers_of_every_sample_mail(tmp_path: Path, reader: str, contacts: bool) -> None:
    samples = mails.load_mails().values()
    for number, mail in enumerate(samples):
        house = House(tmp_path / str(number), mail=Samples(mail, contacts))
        player = PLAYERS[reader]
        house.tenancy.put(
            Tenant(TenantId(player.tenant), player.tenant, (player.hd,), region=TENANTS[player.tenant][2])
        )
        reply = house.post("/on/gmail.message", house.event(reader))
        stem = str(mail.mime["Message-ID"]).strip("<>").split("@")[0]
        assert list(rows(reply.json)) == SHOWN[stem], stem
    assert len(samples) == len(SHOWN)
