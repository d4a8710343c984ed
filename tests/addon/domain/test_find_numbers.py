"""Numbers in mail text are found with their country, label, extension and place; other digits are not."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addon.domain.find_numbers import MAX_FOUND, find
from addon.domain.people import Source

pytestmark = pytest.mark.pure

MAIL = """Hola, el pedido 0987654321 llega el 2026-11-20. Factura No. 001-002-123456789, RUC 1790012345001.
Llámame al 099 876 5432 o (02) 234-5678 ext. 12.

Saludos,
Ana Pérez
Cel: +593 98 765 4321
Tel. (593-2) 298-7654 ramal 33
"""


def test_a_mail_gives_its_numbers_and_nothing_else() -> None:
    found = [(n.e164, n.source, n.label, n.extension) for n in find(MAIL, "EC")]
    assert found == [
        ("+593998765432", Source.BODY, "", ""),
        ("+59322345678", Source.BODY, "", "12"),
        ("+593987654321", Source.SIGNATURE, "mobile", ""),
        ("+59322987654", Source.SIGNATURE, "work", "33"),
    ]


@pytest.mark.parametrize(
    ("text", "e164"),
    [
        ("Tel: 0351 15-555-1234\nCórdoba, Argentina", "+5493515551234"),
        ("11 99876-5432\nSão Paulo, Brasil", "+5511998765432"),
        ("Tel 030 901820\nBerlin", "+4930901820"),
        ("Call 020 7946 0958\nLondon", "+442079460958"),
    ],
)
def test_a_national_spelling_is_read_by_the_country_named_nearby(text: str, e164: str) -> None:
    assert [n.e164 for n in find(text, "EC")] == [e164]


@given(st.text(max_size=400))
def test_any_text_is_read_without_an_error(text: str) -> None:
    assert len(find(text, "EC")) <= MAX_FOUND


@pytest.mark.parametrize(
    ("text", "region", "label", "extension"),
    [
        ("Fax: 02 234 5678", "EC", "fax", ""),
        ("Telefax 030 901820", "DE", "fax", ""),
        ("F 212-555-0134", "US", "fax", ""),
        ("M 07911 123456", "GB", "mobile", ""),
        ("Cel.: (11) 98765-4321", "BR", "mobile", ""),
        ("099 876 5432 o (02) 234-5678 ext. 12", "EC", "", ""),
        ("PBX (04) 256-1234 Ext. 210", "EC", "work", "210"),
        ("Conmutador 55 5481 0000 extensión 1234", "MX", "work", "1234"),
        ("Fone (21) 2555-1234 ramal 12", "BR", "work", "12"),
        ("Central (01) 234-5678 anexo 101", "PE", "work", "101"),
        ("Tel. 0341 440-1234 int. 22", "AR", "work", "22"),
        ("(212) 555-1234 x305", "US", "", "305"),
    ],
)
def test_a_label_and_an_extension_belong_to_their_number(text: str, region: str, label: str, extension: str) -> None:
    first = find(text, region)[0]
    assert (first.label, first.extension) == (label, extension)
    assert extension == "" or len(find(text, region)) == 1


def test_a_number_far_into_a_long_paragraph_is_found_and_the_signature_of_a_long_mail_is_read() -> None:
    paragraph = "palabras sin numero alguno " * 200 + "mi celular es 0987654321 " + "y nada más " * 200
    log = "".join(f"2026-11-24 10:00 fila {n} valor {n * 7}\n" for n in range(4000))
    assert [n.e164 for n in find(paragraph, "EC")] == ["+593987654321"]
    assert [n.e164 for n in find(log + "\nSaludos,\nAna\nCel 099 123 4567", "EC")] == ["+593991234567"]


HOSTILE = ["1\n", "098 765 4321 ", "098 765 4321\n", "1:", "1.", "1-", "1 - ", "0044 ", "12345678 ", "(1) ", "+", "a@", "1-1-1-1-1-1-1 a ",
           "factura no ", "skype:", "número de ", "00", "#1 ", "1·"]  # fmt: skip


def test_hostile_mails_of_200_kb_are_read_within_a_bounded_effort(capsys: pytest.CaptureFixture[str]) -> None:
    slowest = 0.0
    for piece in HOSTILE:
        began = time.process_time()
        find(piece * (200_000 // len(piece)), "EC")
        slowest = max(slowest, time.process_time() - began)
    with capsys.disabled():
        print(f"\nhostile mails: {len(HOSTILE)} of 200 kB, the slowest took {slowest:.2f} s of CPU")
    assert len(HOSTILE) >= 15 and slowest < 6
