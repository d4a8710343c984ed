"""`python -m addon admin`: tenants, users and PBX lines from the command line; repeating a command changes nothing."""

from __future__ import annotations

import argparse
import socket
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TextIO

from addon.domain.tenant import Tenant, User
from addon.store.tenancy import Tenancy
from contract.addresses import is_public
from contract.lines import LineConfig, Registration
from contract.numbers import BadNumber, Extension, LineId, TenantId, UserId

LINE = LineId("pbx")


class BadInput(Exception):
    """What is wrong with the command, for the person who typed it."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m addon admin")
    verbs = parser.add_subparsers(dest="verb", required=True)
    tenant = verbs.add_parser("add-tenant", help="create or change a customer")
    for name in ("--id", "--name", "--domain"):
        tenant.add_argument(name, required=True)
    tenant.add_argument("--region", default="EC", help="home country, ISO 3166")
    tenant.add_argument("--allow", default="", help="further countries that may be called: CO,US")
    line = verbs.add_parser("add-line", help="set the tenant's PBX connection")
    line.add_argument("--tenant", required=True)
    line.add_argument("--registrar", required=True, help="host[:port] of the PBX, SIP over UDP")
    line.add_argument("--domain", default="", help="SIP domain when it is not the host")
    user = verbs.add_parser("add-user", help="create or change a user and their extension")
    for name in ("--tenant", "--id", "--name", "--email"):
        user.add_argument(name, required=True)
    user.add_argument("--extension", default="")
    user.add_argument("--desk", default="", help="extension of the desk phone")
    user.add_argument(
        "--password-stdin", action="store_true", help="read the extension's SIP password from standard input"
    )
    show = verbs.add_parser("show", help="what is set, without passwords")
    show.add_argument("--tenant", required=True)
    return parser


def check_host(host: str, dev: bool) -> None:
    """A PBX host outside dev must not lead to loopback, private or special addresses."""
    if dev:
        return
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, None)}
    except (OSError, ValueError) as error:  # a name that cannot be encoded is a UnicodeError
        why = getattr(error, "strerror", None) or "not a host name"
        raise BadInput(f"the host {host} is not known: {why}. Check the name of the PBX.") from error
    bad = [address for address in found if not is_public(str(address))]
    if bad:
        raise BadInput(f"{host} leads to {bad[0]}, which is not a public address. Use the PBX's public name.")


def _tenant(arguments: argparse.Namespace, tenancy: Tenancy) -> str:
    before = tenancy.get(TenantId(arguments.id))
    allowed = tuple(code for code in arguments.allow.upper().split(",") if code)
    fresh = Tenant(
        TenantId(arguments.id), arguments.name, (arguments.domain.lower(),), arguments.region.upper(), allowed
    )
    if before is not None:
        domains = tuple(dict.fromkeys((*before.domains, arguments.domain.lower())))
        fresh = replace(
            before,
            name=fresh.name,
            domains=domains,
            region=fresh.region,
            allowed_regions=allowed or before.allowed_regions,
        )
    try:
        tenancy.put(fresh)
    except ValueError as error:
        raise BadInput(f"{error}.") from error
    return f"tenant {fresh.id}: {', '.join(fresh.domains)}, home country {fresh.region}"


def _line(arguments: argparse.Namespace, tenancy: Tenancy, dev: bool) -> str:
    host, _, port = (
        arguments.registrar.rpartition(":") if ":" in arguments.registrar else (arguments.registrar, "", "5060")
    )
    if not port.isdigit() or not 0 < int(port) < 65536 or not host:
        raise BadInput("--registrar is host or host:port, for example pbx.example.com:5060.")
    check_host(host, dev)
    lines = tenancy.of(TenantId(arguments.tenant)).lines
    before = lines.get(LINE)
    fresh = LineConfig(TenantId(arguments.tenant), LINE, 0, host, int(port), domain=arguments.domain)
    if before is not None:
        fresh = replace(fresh, rev=before.rev, registrations=before.registrations)
    saved = before if before == fresh else lines.put(fresh)
    return f"line {LINE} of {arguments.tenant}: {host}:{port}, revision {saved.rev if saved else 1}"


def _user(arguments: argparse.Namespace, tenancy: Tenancy, password: str) -> str:
    store = tenancy.of(TenantId(arguments.tenant))
    user = User(
        UserId(arguments.id), TenantId(arguments.tenant), arguments.email, arguments.name, arguments.extension,
        arguments.desk, LINE if arguments.extension else None,
    )  # fmt: skip
    before = store.users.get(user.id)
    store.users.put(replace(user, suspended=before.suspended, admin=before.admin) if before else user)
    line = store.lines.get(LINE)
    if arguments.extension and line is not None:
        try:
            desk = Extension(arguments.desk) if arguments.desk else None
            fresh = Registration(user.id, Extension(arguments.extension), arguments.extension, password, desk)
        except BadNumber as error:
            raise BadInput(f"{error}.") from error
        old = next((r for r in line.registrations if r.user == user.id), None)
        if old is not None and not password:
            fresh = replace(fresh, password=old.password)
        if fresh != old:
            others = tuple(r for r in line.registrations if r.user != user.id)
            store.lines.put(replace(line, registrations=(*others, fresh)))
    return (
        f"user {user.id} <{user.email.lower()}>: extension {user.extension or '(none)'}, desk {user.desk or '(none)'}"
    )


def _show(arguments: argparse.Namespace, tenancy: Tenancy) -> str:
    store = tenancy.of(TenantId(arguments.tenant))
    rows = [f"user {u.id} <{u.email}> extension {u.extension or '-'} desk {u.desk or '-'}" for u in store.users.all()]
    rows += [
        f"line {n.line} {n.host}:{n.port} revision {n.rev}, {len(n.registrations)} extensions"
        for n in store.lines.all()
    ]
    return "\n".join(rows) or "nothing is set yet"


def run(words: Sequence[str], tenancy: Tenancy, dev: bool, stdin: TextIO, say: Callable[[str], None]) -> int:
    """Exit status: 0 done, 2 a mistake that is said."""
    arguments = _parser().parse_args(words)
    try:
        if arguments.verb == "add-tenant":
            say(_tenant(arguments, tenancy))
            return 0
        if tenancy.get(TenantId(arguments.tenant)) is None:
            raise BadInput(f"there is no tenant {arguments.tenant}. Create it first: add-tenant.")
        if arguments.verb == "add-line":
            say(_line(arguments, tenancy, dev))
        elif arguments.verb == "add-user":
            say(_user(arguments, tenancy, stdin.readline().rstrip("\n") if arguments.password_stdin else ""))
        else:
            say(_show(arguments, tenancy))
    except (BadInput, ValueError) as error:
        say(f"error: {error}")
        return 2
    return 0
