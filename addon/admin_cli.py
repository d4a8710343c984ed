"""`python -m addon admin`: tenants, users and PBX lines from the command line; repeating a command changes nothing."""

from __future__ import annotations

import argparse
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO

import phonenumbers

from addon.domain.tenant import Tenant
from addon.ports.documents import Away, Conflict
from addon.ports.outside import Ports
from addon.ports.telephony import TelephonyAway
from addon.store.sealed import Unreadable
from addon.store.tenancy import Tenancy
from addon.store.tenants import TenantStore
from addon.usecases.administer import (
    LINE,
    Refusal,
    Wanted,
    put_line,
    put_user,
    remove_line,
    remove_user,
    suspend_user,
)
from addon.usecases.line_settings import HOST, line_settings
from contract.addresses import Reach
from contract.lines import LineConfig, Registration
from contract.numbers import TenantId, UserId

DONE, UNWELL, MISTAKE, AWAY = 0, 1, 2, 3
_TENANT = re.compile(r"[a-z0-9][a-z0-9-]{0,39}", re.ASCII)
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}", re.ASCII)
NOT_TOLD = "\ntelephony does not answer: it takes this over within a minute of being up"
PROBLEMS = {
    "": "not registered yet: the PBX has not answered so far; ask again in half a minute",
    "wrong-password": "the PBX refuses the password: set it again with add-user --password-stdin",
    "unreachable": "the PBX does not answer: check its address, port and transport, and that these pass the firewall",
    "refused": "the PBX does not let this extension register: is it set up there, and free?",
    "untrusted-certificate": "the PBX's certificate is not of an authority that is trusted here, or it has ended: name the right one with add-line --ca-file",
    "wrong-certificate-name": "the PBX's certificate is for another name: --registrar (with --proxy that one) must be the name in it",
    "tls-failed": "the PBX and we agree on no TLS connection: does it speak TLS 1.2 on this port, and does it want a client certificate?",
}


@dataclass(frozen=True, slots=True)
class Desk:
    """What every command works on; `reach` says where a PBX may be."""

    tenancy: Tenancy
    ports: Ports
    reach: Reach
    stdin: TextIO
    say: Callable[[str], None]

    def store(self, arguments: argparse.Namespace) -> TenantStore:
        """The named tenant's store; raises Refusal when there is none."""
        if not _TENANT.fullmatch(arguments.tenant) or self.tenancy.get(TenantId(arguments.tenant)) is None:
            raise Refusal(f"there is no tenant {arguments.tenant}. Create it first: add-tenant")
        return self.tenancy.of(TenantId(arguments.tenant))


def check_host(host: str, reach: Reach, *, may_be_srv: bool = False) -> str:
    """A PBX host outside dev must not lead to loopback, private or special addresses; "" or what is to be said of it.

    Telephony checks each address again, those of SRV records too, which may be all that a name has.
    """
    if not HOST.fullmatch(host):
        raise Refusal(f"{host!r} is not a host name or an IPv4 address")
    if reach.loopback:
        return ""
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, None)}
    except (OSError, ValueError) as error:  # a name that cannot be encoded is a UnicodeError
        if may_be_srv and isinstance(error, socket.gaierror) and "." in host:
            return f"\n{host} has no address of its own: telephony looks for its SRV records, and check-line tells what came of it"
        why = getattr(error, "strerror", None) or "not a host name"
        raise Refusal(f"the host {host} is not known: {why}. Check the name of the PBX") from error
    bad = [address for address in found if not reach.allows(str(address))]
    if bad:
        raise Refusal(
            f"{host} leads to {bad[0]}, which is not a public address. Use the PBX's public name, or list its network in PBX_NETWORKS"
        )
    return ""


def _regions(text: str) -> tuple[str, ...]:
    codes = tuple(dict.fromkeys(code.strip().upper() for code in text.split(",") if code.strip()))
    strange = [code for code in codes if code not in phonenumbers.SUPPORTED_REGIONS]
    if strange:
        raise Refusal(f"{', '.join(strange)}: not a country code of two letters such as EC,CO,US")
    return codes


def _add_tenant(desk: Desk, arguments: argparse.Namespace) -> str:
    domain = arguments.domain.lower()
    if not _TENANT.fullmatch(arguments.id):
        raise Refusal("--id is made of small letters, digits and hyphens, at most 40")
    if not _DOMAIN.fullmatch(domain):
        raise Refusal(f"--domain {arguments.domain!r} is not a Workspace domain such as acme.com")
    if not arguments.name.strip() or not arguments.name.isprintable():
        raise Refusal("--name must hold something visible")
    (region,) = _regions(arguments.region) or ("",)
    if not region:
        raise Refusal("--region is the home country, two letters such as EC")
    before = desk.tenancy.get(TenantId(arguments.id)) or Tenant(TenantId(arguments.id), "", ())
    fresh = replace(
        before, name=arguments.name.strip(), domains=tuple(dict.fromkeys((*before.domains, domain))), region=region,
        allowed_regions=_regions(arguments.allow) or before.allowed_regions,
    )  # fmt: skip
    desk.tenancy.put(fresh)
    return f"tenant {fresh.id}: {', '.join(fresh.domains)}, home country {fresh.region}"


def _set_policy(desk: Desk, arguments: argparse.Namespace) -> str:
    store = desk.store(arguments)
    before = desk.tenancy.get(store.tenant)
    if before is None:
        raise Refusal(f"there is no tenant {store.tenant}")
    given = {
        "allowed_regions": None if arguments.allow is None else _regions(arguments.allow),
        "places_without_recording": None if arguments.no_recording_in is None else _regions(arguments.no_recording_in),
        "recording_allowed": None if arguments.recording is None else arguments.recording == "on",
        "day_cost_cap_cents": _whole(arguments.day_limit_cents, "--day-limit-cents", 0, 10**9),
        "retention_max_days": _whole(arguments.keep_days, "--keep-days", 1, 3650),
    }
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    fresh = replace(before, **changes)
    if fresh != before:
        desk.tenancy.put(fresh)
        store.audit.add("administrator", "policy.set", ",".join(sorted(changes)), desk.ports.now())
    return _policy(fresh)


def _whole(text: str | None, name: str, least: int, most: int) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 11 and least <= int(text) <= most):
        raise Refusal(f"{name} is a whole number from {least} to {most}")
    return int(text)


def _policy(tenant: Tenant) -> str:
    abroad = ",".join(tenant.allowed_regions) or "none"
    silent = f", not to or from {','.join(tenant.places_without_recording)}" if tenant.places_without_recording else ""
    recording = f"allowed for at most {tenant.retention_max_days} days{silent}" if tenant.recording_allowed else "off"
    return (
        f"policy of {tenant.id}: home country {tenant.region}, other countries {abroad}, {tenant.day_cost_cap_cents} cents a day, "
        f"recording {recording}"
    )


def _pem(name: str, path: str) -> str:
    if not path:
        return ""
    try:
        return Path(path).read_text("ascii")
    except OSError as error:
        raise Refusal(f"{name} {path}: {error.strerror}") from error
    except ValueError as error:
        raise Refusal(f"{name} {path} is not a PEM file") from error


def _add_line(desk: Desk, arguments: argparse.Namespace) -> str:
    store = desk.store(arguments)
    wanted = line_settings(
        store.tenant, arguments.registrar, arguments.transport, arguments.domain, arguments.proxy,
        _pem("--ca-file", arguments.ca_file), _pem("--client-cert-file", arguments.client_cert_file),
        _pem("--client-key-file", arguments.client_key_file), desk.ports.now(),
    )  # fmt: skip
    if wanted.proxy:
        check_host(wanted.host, Reach(loopback=True))
    host, port = wanted.next_hop
    notice = check_host(host, desk.reach, may_be_srv=not port)
    saved, told = put_line(wanted, store, desk.ports)
    return f"line {LINE} of {store.tenant}: {_shown(saved)}, revision {saved.rev}{notice}" + ("" if told else NOT_TOLD)


def _shown(line: LineConfig) -> str:
    by = f" by way of {line.proxy}" if line.proxy else ""
    trust = ", its own CA" if line.ca else ""
    proof = ", client certificate" if line.client_certificate else ""
    return f"{line.registrar} over {line.transport.upper()}{by}{trust}{proof}"


def _remove_line(desk: Desk, arguments: argparse.Namespace) -> str:
    store = desk.store(arguments)
    saved, told = remove_line(store, desk.ports)
    return f"line {LINE} of {store.tenant}: nobody is registered any more, revision {saved.rev}" + (
        "" if told else NOT_TOLD
    )


def _password(stdin: TextIO) -> str:
    try:
        text = stdin.read()
    except UnicodeDecodeError as error:
        raise Refusal("the password on standard input is not UTF-8 text") from error
    return text.removesuffix("\n").removesuffix("\r")


def _add_user(desk: Desk, arguments: argparse.Namespace) -> str:
    store = desk.store(arguments)
    password = _password(desk.stdin) if arguments.password_stdin else None
    wanted = Wanted(
        UserId(arguments.id), arguments.name, arguments.email, arguments.extension, arguments.desk, password
    )
    user, told = put_user(wanted, store, desk.ports)
    shown = f"extension {user.extension or '(none)'}, desk {user.desk or '(none)'}"
    return f"user {user.id} <{user.email}>: {shown}" + ("" if told else NOT_TOLD)


def _suspend(desk: Desk, arguments: argparse.Namespace) -> str:
    store, suspended = desk.store(arguments), arguments.verb == "suspend-user"
    told = suspend_user(UserId(arguments.id), suspended, store, desk.ports)
    state = "suspended: nothing of the product works for them" if suspended else "works again"
    late = "" if told else "\ntelephony does not answer: a call that is up goes on"
    return f"user {arguments.id} is {state}{late}" if suspended else f"user {arguments.id} {state}"


def _remove_user(desk: Desk, arguments: argparse.Namespace) -> str:
    store = desk.store(arguments)
    counts, told = remove_user(UserId(arguments.id), arguments.erase_data, store, desk.ports)
    gone = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    return f"user {arguments.id} is removed: {gone}" + ("" if told else NOT_TOLD)


def _show(desk: Desk, arguments: argparse.Namespace) -> str:
    store = desk.store(arguments)
    tenant = desk.tenancy.get(store.tenant)
    rows = [_policy(tenant)] if tenant else []
    rows += [
        f"user {u.id} <{u.email}> extension {u.extension or '-'} desk {u.desk or '-'}{' suspended' if u.suspended else ''}"
        for u in store.users.all()
    ]
    rows += [
        f"line {n.line} {_shown(n)} revision {n.rev}, {len(n.registrations)} extensions" for n in store.lines.all()
    ]
    return "\n".join(rows)


def _check_line(desk: Desk, arguments: argparse.Namespace) -> str:
    """Says how each extension stands; raises Unwell when one is not registered."""
    store = desk.store(arguments)
    line = store.lines.get(LINE)
    if line is None or not line.registrations:
        raise Refusal("no extension is set: add-line, then add-user --extension")
    rows, well = [f"PBX {_shown(line)}"], True
    for registration in line.registrations:
        registered, words = _state(desk, store.tenant, registration)
        well = well and registered
        rows.append(f"extension {registration.extension.digits} of {registration.user}: {words}")
    if not well:
        raise Unwell("\n".join(rows))
    return "\n".join(rows)


def _state(desk: Desk, tenant: TenantId, registration: Registration) -> tuple[bool, str]:
    now = desk.ports.telephony.presence(tenant, registration.user)
    if now.registered:
        return True, "registered"
    return False, PROBLEMS.get(now.problem, now.problem)


class Unwell(Exception):
    """What the check found."""


VERBS: dict[str, Callable[[Desk, argparse.Namespace], str]] = {
    "add-tenant": _add_tenant,
    "set-policy": _set_policy,
    "add-line": _add_line,
    "remove-line": _remove_line,
    "check-line": _check_line,
    "add-user": _add_user,
    "suspend-user": _suspend,
    "resume-user": _suspend,
    "remove-user": _remove_user,
    "show": _show,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m addon admin")
    verbs = parser.add_subparsers(dest="verb", required=True)
    tenant = verbs.add_parser("add-tenant", help="create or change a customer")
    for name in ("--id", "--name", "--domain"):
        tenant.add_argument(name, required=True)
    tenant.add_argument("--region", default="EC", help="home country, ISO 3166")
    tenant.add_argument("--allow", default="", help="further countries that may be called: CO,US")
    helps = {
        "set-policy": "who may be called, what a day may cost, what is recorded and how long",
        "add-line": "set the tenant's PBX connection",
        "remove-line": "take the PBX connection away",
        "check-line": "is every extension registered, and if not, why",
        "add-user": "create or change a user and their extension",
        "suspend-user": "refuse a user everywhere, keep what is theirs",
        "resume-user": "let a suspended user work again",
        "remove-user": "remove a user and their extension",
        "show": "what is set, without passwords",
    }
    made = {verb: verbs.add_parser(verb, help=words) for verb, words in helps.items()}
    for verb in made.values():
        verb.add_argument("--tenant", required=True)
    policy = made["set-policy"]
    policy.add_argument("--allow", help='further countries that may be called: CO,US; "" for none')
    policy.add_argument("--day-limit-cents", help="what all calls of one day may cost together")
    policy.add_argument("--recording", choices=["on", "off"])
    policy.add_argument("--no-recording-in", help='countries whose calls are never recorded; "" for none')
    policy.add_argument("--keep-days", help="how long a recording may be kept at most")
    made["add-line"].add_argument(
        "--registrar", required=True, help="host[:port] of the PBX; without a port SRV records count"
    )
    made["add-line"].add_argument("--domain", default="", help="SIP domain when it is not the host")
    made["add-line"].add_argument("--transport", choices=["udp", "tcp", "tls"], default="udp")
    made["add-line"].add_argument(
        "--proxy", default="", help="host[:port] that all requests go to, when not the PBX itself"
    )
    made["add-line"].add_argument(
        "--ca-file", default="", help="PEM: the only authority that is trusted, for a PBX with one of its own"
    )
    made["add-line"].add_argument(
        "--client-cert-file", default="", help="PEM: our certificate, when the PBX asks for one"
    )
    made["add-line"].add_argument("--client-key-file", default="", help="PEM: its key, stored encrypted")
    for verb_name in ("add-user", "suspend-user", "resume-user", "remove-user"):
        made[verb_name].add_argument("--id", required=True, help="Google's user id (sub)")
    user = made["add-user"]
    user.add_argument("--name", required=True)
    user.add_argument("--email", required=True)
    user.add_argument("--extension", help='the webphone\'s extension on the PBX; "" takes it away')
    user.add_argument("--desk", help='extension of the telephone on the desk; "" for none')
    user.add_argument(
        "--password-stdin", action="store_true", help="read the extension's SIP password from standard input"
    )
    made["remove-user"].add_argument(
        "--erase-data", action="store_true", help="delete recordings, calls, decisions for good"
    )
    return parser


def run(
    words: Sequence[str], tenancy: Tenancy, ports: Ports, reach: Reach, stdin: TextIO, say: Callable[[str], None]
) -> int:
    """Exit status: 0 done, 1 the checked line is not well, 2 a mistake that is said, 3 a part does not answer."""
    arguments = _parser().parse_args(words)
    try:
        say(VERBS[arguments.verb](Desk(tenancy, ports, reach, stdin, say), arguments))
    except Unwell as found:
        say(str(found))
        return UNWELL
    except Unreadable:
        say("error: a stored password cannot be opened with these keys: is KEYS_FILE the one that the add-on uses?")
        return MISTAKE
    except TelephonyAway:
        say("error: telephony does not answer: is it running, and is TELEPHONY_URL its address?")
        return AWAY
    except (Away, Conflict):
        say("error: the store does not answer: is DATA_DIR right, and is there room on the disk?")
        return AWAY
    except ValueError as error:
        say(f"error: {error}")
        return MISTAKE
    return DONE
