"""The country of a national spelling comes from what is known; what two countries could claim is given to neither."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from addon.domain.find_numbers import find

pytestmark = pytest.mark.pure
SPANISH = "Hola, le dejo mi número por si hay alguna duda, gracias."


@dataclass(frozen=True)
class Case:
    """A mail and what a reader in `home` must find in it."""

    text: str
    found: tuple[str, ...]
    home: str = "EC"
    sender: str = "ana@gmail.com"
    known: tuple[str, ...] = ()


CASES = {
    "the reader's country": Case("Tel 02 234 5678", ("+59322345678",)),
    "the sender's domain": Case("Call 020 7946 0958", ("+442079460958",), sender="a@example.co.uk"),
    "a domain that everybody uses says nothing": Case("Cel 987 654 321", (), "US", "a@example.co"),
    "a provider of one country": Case("Tel. 030 901820", ("+4930901820",), sender="a@gmx.net"),
    "another address in the text": Case("Tel. 030 901820\nbuero@example.de", ("+4930901820",)),
    "a code at another number": Case("M +57 300 555 0199\nT (601) 555 0100", ("+573005550199", "+576015550100")),
    "an exit code at another number": Case("M 0057 300 555 0199\nT 601 555 0100", ("+573005550199", "+576015550100"), "US"),
    "a code without its plus": Case("Fono 593 98 765 4321", ("+593987654321",), "US"),
    "a city": Case("Tel. 601 555 0100\nBogotá", ("+576015550100",)),
    "the place in front of each number": Case(
        "London 020 7946 0958 | Zürich 044 333 44 55 | Quito 02 234 5678", ("+442079460958", "+41443334455", "+59322345678")
    ),
    "a company form": Case("Rheinwerk GmbH, Tel. 0711 1234560", ("+497111234560",), "US"),
    "a company form of Mexico": Case("Sol, S.A. de C.V.\nTel. 222 234 5678", ("+522222345678",)),
    "a paper": Case("CUIT 30-71234567-8\nTel. 351 422 1234", ("+543514221234",)),
    "a postal code": Case("1 Finsbury Sq, EC2A 1AH. T 020 7946 0958", ("+442079460958",)),
    "a flag": Case("🇲🇽 55 1234 5678", ("+525512345678",), "US"),
    "a label behind": Case("M: 07700 900123 (UK)", ("+447700900123",)),
    "a label in front": Case("US: 212 555 0142 MX: 55 1234 5678", ("+12125550142", "+525512345678")),
    "labels for a reader at home in one of them": Case("US: 212 555 0142 MX: 55 1234 5678", ("+12125550142", "+525512345678"), "US"),
    "D is a direct line, IT a department": Case("D 020 7946 0958\nIT: 020 7946 0321", ("+442079460958", "+442079460321"), "GB"),
    "a state of the United States is no country": Case("Denver, CO 303-555-0142", ("+13035550142",)),
    "a language": Case("Mit freundlichen Grüßen\nTel. 0711 1234560", ("+497111234560",)),
    "a North American spelling": Case("(212) 555-0142 x 305", ("+12125550142",)),
    "a toll-free number": Case("Toll free 1-800-555-0199", ("+18005550199",)),
    "one likely country": Case(SPANISH + " 099 876 5432", ("+593998765432",), "US"),
    "two likely countries": Case(SPANISH + " 312 444 5566", ()),
    "two likely countries, one of them home": Case(SPANISH + " 312 444 5566", ("+573124445566",), "CO"),
    "home against a spelling of elsewhere": Case(SPANISH + " 310 444 5566", (), "US"),
    "a number of the contact": Case(SPANISH + " 312 444 5566", ("+573124445566",), known=("+573001112233",)),
    "the very number of the contact": Case(SPANISH + " 312 444 5566", ("+523124445566",), known=("+523124445566", "+57601")),
    "an Argentine mobile": Case("Cel. 381 566-7788, Tucumán", ("+5493815667788",)),
    "a second line with the same area code": Case("Atenciosamente\nFones: (11) 4789-4455 / 4789-4456", ("+551147894455", "+551147894456")),
    "the number behind it is not its second line": Case("02 234 5678, 12-3456 y 1234-5678-9", ("+59322345678",)),
    "two numbers with a slash between": Case("London: 020 7946 0958 / 07400 123456", ("+442079460958", "+447400123456")),
    "two numbers with a slash and no blanks": Case("Torino (TO) 011/456789 - 011/4567890", ("+39011456789", "+390114567890")),
    "a second line behind a slash": Case("Llámenos: 02-234-5678 / 79", ("+59322345678",)),
    "the last group of a second line": Case("(21) 2555-1234/1235\nBrasil", ("+552125551234", "+552125551235")),
    "a year behind a slash": Case("02 234 5678 / 2026", ("+59322345678",)),
    "a country behind, in the brackets": Case("Juan (310 555 7788, Colombia) y María (04 256 7890)", ("+573105557788", "+59342567890")),
    "a country behind a dash in the brackets": Case("Juan (310 555 7788 - Colombia)", ("+573105557788",)),
    "a country behind a comma": Case("Juan: 310 555 7788, Colombia.", ("+573105557788",)),
    "a country in the brackets against home": Case("Meet Juan (310 555 7788, Colombia) in Miami", ("+573105557788",), "US", "x@acme.us"),
    "a country in brackets of its own against home": Case("Miami, Florida\nJuan 310 555 7788 (Colombia)", ("+573105557788",), "US", "x@acme.us"),
    "a country behind a comma against home": Case("US office 310 555 7788 y Juan 312 444 5566, Colombia.", ("+13105557788", "+573124445566"), "US", "x@acme.us"),
    "a country that names the next number": Case("099 876 5432, Colombia 310 555 7788", ("+593998765432", "+573105557788")),
    "an invoice is no call abroad": Case("310 555 7788\nFactura 001-002-000123456, USD 12,00", ("+573105557788",)),
    "a city behind a number without its area code": Case("Fijo: 4321-9876 (CABA)\nUruguay: 099 123 456", ("+541143219876", "+59899123456"), "US", "m@acme.com.ar"),
    "a city's number with a thousand's dot is a count": Case("Habitantes: 2.345.678 (Quito)", ()),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_country_is_derived(name: str) -> None:
    case = CASES[name]
    assert tuple(n.e164 for n in find(case.text, case.home, case.sender, case.known)) == case.found


@pytest.mark.parametrize("text", ["Tel 02 234 5678", "Cel 0987654321", "Fono 02-234-5678 ext. 9"])
@pytest.mark.parametrize("trip", ["Llego a Lima el lunes.", "I am in London until Friday.", "Te llamo desde Roma."])
def test_a_trip_does_not_move_a_number(text: str, trip: str) -> None:
    assert [n.region for n in find(f"{trip}\n{text}", "EC", "ana@gmail.com")] == ["EC"]


@pytest.mark.parametrize("text", ["Tel 02 234 5678", "Cel 0987654321", "Fono 02-234-5678 ext. 9"])
def test_a_spelling_of_home_in_a_strangers_language_is_never_read_as_theirs_without_more(text: str) -> None:
    assert {n.region for n in find(f"Wir sehen uns in Berlin.\n{text}", "EC", "jan@gmail.com")} <= {"EC"}
