"""Everything outside the add-on, in one value that handlers and use cases are given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from addon.domain.people import Person
from addon.ports.documents import Documents
from addon.ports.google import Gmail, OpenMail, People, SignIn
from addon.ports.objects import Objects
from addon.ports.recent import Recent
from addon.ports.tasks import Tasks
from addon.ports.telephony import Telephony


@dataclass(frozen=True, slots=True)
class Ports:
    """`now` is Unix seconds, `new_id` 128 random bits as text; `mails` and `persons` are what Google said a moment ago."""

    documents: Documents
    objects: Objects
    tasks: Tasks
    telephony: Telephony
    gmail: Gmail
    people: People
    sign_in: SignIn
    now: Callable[[], float]
    new_id: Callable[[], str]
    mails: Recent[OpenMail] = field(default_factory=lambda: Recent(keep_seconds=300.0, limit=500))
    persons: Recent[tuple[Person, ...]] = field(default_factory=lambda: Recent(keep_seconds=60.0, limit=1000))
