"""A number that several sources know is one number, with what each of them adds."""

from __future__ import annotations

import pytest

from addon.domain.people import FoundNumber, Source, distinct

pytestmark = pytest.mark.pure


def test_a_contact_keeps_its_number_and_learns_the_extension() -> None:
    book = FoundNumber("+59322551234", "02 255 1234", Source.CONTACTS, "work")
    mail = FoundNumber("+59322551234", "(02) 255-1234 ext. 12", Source.SIGNATURE, "", "12")
    assert distinct([book, mail]) == [FoundNumber("+59322551234", "02 255 1234", Source.CONTACTS, "work", "12")]


def test_a_contacts_national_number_is_placed_by_the_mail_when_one_number_fits() -> None:
    book = FoundNumber("02 255 1234", "02 255 1234", Source.CONTACTS, "work")
    mail = FoundNumber("+59322551234", "(02) 255-1234", Source.SIGNATURE)
    other = FoundNumber("+57122551234", "x", Source.BODY)
    desk = FoundNumber("1234", "1234", Source.CONTACTS)
    assert [n.e164 for n in distinct([book, mail])] == ["+59322551234"]
    assert [n.e164 for n in distinct([book, mail, other])] == ["02 255 1234", "+59322551234", "+57122551234"]
    assert [n.e164 for n in distinct([desk, mail])] == ["1234", "+59322551234"]
