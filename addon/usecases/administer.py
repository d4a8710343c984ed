"""What an administrator sets: users, their extensions and the PBX; each change whole or not at all, with its audit line."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from addon.domain.tenant import User
from addon.errors import AddonError
from addon.ports.outside import Ports
from addon.store.tenants import TenantStore
from addon.usecases.forget_recording import forget_recording
from addon.usecases.tell_telephony import end_sessions, tell_line
from contract.lines import LineConfig, Registration
from contract.numbers import BadNumber, Extension, LineId, UserId

LINE = LineId("pbx")
ACTOR = "administrator"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,99}", re.ASCII)
_EMAIL = re.compile(r"[^\s@,;<>\"]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+")
MAX_NAME_CHARS, MAX_PASSWORD_CHARS = 100, 128


class Refusal(ValueError):
    """What is wrong and what to do, for the person who asked."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A user as the administrator wants them; `extension` None leaves it, "" takes it away, the same for `desk`."""

    id: UserId
    name: str
    email: str
    extension: str | None = None
    desk: str | None = None
    password: str | None = None


def put_line(wanted: LineConfig, store: TenantStore, ports: Ports) -> tuple[LineConfig, bool]:
    """The PBX of a tenant; the extensions stay. The answer's second part says whether telephony knows already."""

    def work(before: LineConfig | None) -> LineConfig:
        return replace(wanted, registrations=before.registrations) if before else wanted

    return _saved(work, wanted.registrar, "line.set", store, ports)


def remove_line(store: TenantStore, ports: Ports) -> tuple[LineConfig, bool]:
    """No extension is registered any more; users keep their entry and lose their telephone."""
    if store.lines.get(LINE) is None:
        raise Refusal("no line is set")

    def work(before: LineConfig | None) -> LineConfig:
        if before is None:
            raise Refusal("no line is set")
        return replace(before, registrations=())

    saved = _saved(work, LINE, "line.removed", store, ports)
    for user in store.users.all():
        if user.line == LINE:
            store.users.put(replace(user, extension="", desk="", line=None))
    return saved


def _saved(
    work: Callable[[LineConfig | None], LineConfig], target: str, act: str, store: TenantStore, ports: Ports
) -> tuple[LineConfig, bool]:
    before = store.lines.get(LINE)
    saved = store.lines.change(LINE, work)
    if before is None or saved.rev != before.rev:
        store.audit.add(ACTOR, act, target, ports.now())
    return saved, tell_line(saved, ports)


def _checked(wanted: Wanted) -> None:
    if not _ID.fullmatch(wanted.id):
        raise Refusal(f"--id {wanted.id!r} is not a Google user id (`sub`): letters, digits and . _ @ - only")
    if not _EMAIL.fullmatch(wanted.email):
        raise Refusal(f"--email {wanted.email!r} is not a mail address")
    if not wanted.name.strip() or len(wanted.name) > MAX_NAME_CHARS or not wanted.name.isprintable():
        raise Refusal(f"--name must be 1 to {MAX_NAME_CHARS} visible characters")
    if wanted.password is not None:
        _checked_password(wanted.password)
    for text in (wanted.extension, wanted.desk):
        if text:
            _extension(text)


def _checked_password(password: str) -> None:
    if not password:
        raise Refusal("the password is empty: write it to standard input, on one line")
    if len(password) > MAX_PASSWORD_CHARS or not password.isprintable():
        raise Refusal(f"the password must be one line of at most {MAX_PASSWORD_CHARS} visible characters; blanks count")


def _extension(text: str) -> Extension:
    try:
        return Extension(text)
    except BadNumber as error:
        raise Refusal(f"{text!r}: {error}") from error


def _unlike_others(user: User, line: LineConfig | None, store: TenantStore) -> None:
    for other in store.users.all():
        if other.id == user.id:
            continue
        if other.email == user.email.lower():
            raise Refusal(f"{user.email} belongs to user {other.id} already")
        if user.extension and other.extension == user.extension:
            raise Refusal(f"extension {user.extension} belongs to user {other.id} already: give one of them another")
    if user.desk and user.desk == user.extension:
        raise Refusal("--desk is the extension itself: it must be that of the telephone on the desk")
    taken = {r.extension.digits: r.user for r in (line.registrations if line else ())}
    if user.desk and taken.get(user.desk, user.id) != user.id:
        raise Refusal(f"--desk {user.desk} is the webphone of user {taken[user.desk]}, not a telephone on a desk")


def put_user(wanted: Wanted, store: TenantStore, ports: Ports) -> tuple[User, bool]:
    """Create or change a user and register their extension; raises Refusal before anything is stored."""
    _checked(wanted)
    before, line = store.users.get(wanted.id), store.lines.get(LINE)
    old = before or User(wanted.id, store.tenant, wanted.email, wanted.name)
    extension = old.extension if wanted.extension is None else wanted.extension
    desk = old.desk if wanted.desk is None else wanted.desk
    user = replace(
        old, email=wanted.email.lower(), name=wanted.name.strip(), extension=extension, desk=desk if extension else "",
        line=LINE if extension else None,
    )  # fmt: skip
    _unlike_others(user, line, store)
    if extension and line is None:
        raise Refusal("no line is set yet: add-line first, then the extensions of its users")
    known = next((r for r in (line.registrations if line else ()) if r.user == user.id), None)
    if extension and wanted.password is None and (known is None or known.extension.digits != extension):
        raise Refusal(f"extension {extension} needs its SIP password: add --password-stdin")
    told = True
    if line is not None:
        told = _saved(
            lambda found: _with(found or line, user, wanted.password), user.id, "extension.set", store, ports
        )[1]
    if user != before:
        store.users.put(user)
        store.audit.add(ACTOR, "user.set", user.id, ports.now())
    return user, told


def _with(line: LineConfig, user: User, password: str | None) -> LineConfig:
    """The line with the user's registration as it should be, in its old place."""
    known = next((r for r in line.registrations if r.user == user.id), None)
    if not user.extension:
        return replace(line, registrations=tuple(r for r in line.registrations if r.user != user.id))
    secret = password if password is not None else known.password if known else ""
    desk = Extension(user.desk) if user.desk else None
    fresh = Registration(user.id, Extension(user.extension), user.extension, secret, desk)
    if known is None:
        return replace(line, registrations=(*line.registrations, fresh))
    return replace(line, registrations=tuple(fresh if r.user == user.id else r for r in line.registrations))


def _must(user: UserId, store: TenantStore) -> User:
    found = store.users.get(user) if _ID.fullmatch(user) else None
    if found is None:
        raise Refusal(f"there is no user {user}. `show` lists them.")
    return found


def suspend_user(user: UserId, suspended: bool, store: TenantStore, ports: Ports) -> bool:
    """Suspended users are refused everywhere at once; what they have is kept. False when telephony was not told."""
    found = _must(user, store)
    if found.suspended != suspended:
        store.users.put(replace(found, suspended=suspended))
        store.audit.add(ACTOR, "user.suspended" if suspended else "user.resumed", user, ports.now())
    return end_sessions(store.tenant, user, ports) if suspended else True


def remove_user(user: UserId, erase_data: bool, store: TenantStore, ports: Ports) -> tuple[dict[str, int], bool]:
    """Take away a user, their extension and, when that is said, all that is theirs; counts per kind of what went."""
    found = _must(user, store)
    recordings = list(store.recordings.every(user))
    calls = store.calls.count(user)
    if (recordings or calls) and not erase_data:
        raise Refusal(
            f"{user} has {len(recordings)} recordings and {calls} call records: add --erase-data to delete them for good, "
            "or use suspend-user, which keeps them until their day"
        )
    held = [r.call for r in recordings if r.holds]
    if held:
        raise Refusal(f"{len(held)} recordings of {user} are kept by a legal hold: lift it first")
    told = suspend_user(user, True, store, ports)
    line = store.lines.get(LINE)
    if line is not None:
        gone = replace(found, extension="")
        told = (
            _saved(lambda before: _with(before or line, gone, None), user, "extension.removed", store, ports)[1]
            and told
        )
    try:
        for recording in recordings:
            forget_recording(recording.call, user, ACTOR, store, ports)
    except AddonError as error:
        raise Refusal(
            f"a recording of {user} could not be deleted now ({error.key}): the user is suspended and their extension "
            "taken away; run the same command again"
        ) from error
    counts = store.erase_user(user) | {"recordings": len(recordings)}
    store.audit.add(ACTOR, "user.removed", user, ports.now())
    return {kind: count for kind, count in counts.items() if count}, told
