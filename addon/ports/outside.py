"""Everything outside the add-on, in one value that handlers and use cases are given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from addon.ports.documents import Documents
from addon.ports.google import Gmail, People, SignIn
from addon.ports.objects import Objects
from addon.ports.tasks import Tasks
from addon.ports.telephony import Telephony


@dataclass(frozen=True, slots=True)
class Ports:
    """`now` is Unix seconds, `new_id` 128 random bits as text."""

    documents: Documents
    objects: Objects
    tasks: Tasks
    telephony: Telephony
    gmail: Gmail
    people: People
    sign_in: SignIn
    now: Callable[[], float]
    new_id: Callable[[], str]
