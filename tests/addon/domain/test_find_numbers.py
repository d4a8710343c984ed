"""Numbers in mail text are found with their country, label, extension and place; other digits are not."""

from __future__ import annotations

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
