"""The administrator's command as somebody uses it who makes mistakes: each is said with the way out, and nothing is half done."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from addon.admin_cli import AWAY, DONE, MISTAKE, NOT_TOLD, UNWELL, VERBS, run
from addon.domain.presence import Presence
from addon.ports.documents import Away
from contract.addresses import Reach
from contract.calls import CallId
from contract.commands import EndSessions, PutLine
from contract.numbers import LineId, TenantId, UserId
from tests.addon.app.access import everything
from tests.addon.app.test_clicks import ended, event, store_recording
from tests.cast import House
from tests.peers.authority import Authority

pytestmark = pytest.mark.pure
ACME, ALICE, PBX = TenantId("acme"), UserId("alice"), LineId("pbx")


@dataclass
class Admin:
    """A terminal: `said` holds what the last command printed."""

    house: House
    dev: bool = True
    said: str = ""
    told: list[str] = field(default_factory=list)

    def __call__(self, words: str, *more: str, typed: str | bytes = "") -> int:
        self.told.clear()
        raw = typed if isinstance(typed, bytes) else typed.encode()
        stdin = io.TextIOWrapper(io.BytesIO(raw), encoding="utf-8", newline="")
        status = run(
            [*words.split(), *more],
            self.house.tenancy,
            self.house.ports,
            Reach(loopback=self.dev),
            stdin,
            self.told.append,
        )
        self.said = "\n".join(self.told)
        return status

    def state(self) -> dict[str, object]:
        """Everything stored, without the audit trail."""
        found = everything(self.house.documents, "tenants") | everything(self.house.documents, "domains")
        return {path: body for path, body in found.items() if "/audit/" not in path and "/chains/" not in path}

    def registrations(self) -> list[tuple[str, str, str, str]]:
        line = self.house.tenancy.of(ACME).lines.get(PBX)
        return (
            [(r.user, r.extension.digits, r.password, r.desk.digits if r.desk else "") for r in line.registrations]
            if line
            else []
        )


@pytest.fixture
def admin(tmp_path: Path) -> Admin:
    """Acme with a line; Alice and Bob are users without extensions yet."""
    made = Admin(House(tmp_path))
    for name in ("alice", "bob"):
        users = made.house.tenancy.of(ACME).users
        user = users.get(UserId(name))
        assert user is not None
        users.put(replace(user, extension="", desk="", line=None))
    assert made("add-line --tenant acme --registrar pbx.acme.example:5070") == DONE
    return made


def add(admin: Admin, user: str, extension: str, *more: str, typed: str = "s3cret") -> int:
    words = f"add-user --tenant acme --id {user} --name {user.title()} --email {user}@acme.example --extension {extension} --password-stdin"
    return admin(words, *more, typed=typed)


def test_a_real_pbx_is_set_up_from_nothing(admin: Admin) -> None:
    assert (
        admin(
            "add-tenant --id nueva --name",
            "Nueva S.A.",
            "--domain",
            "Nueva.Example",
            "--region",
            "co",
            "--allow",
            "ec, us",
        )
        == DONE
    )
    assert admin("add-line --tenant nueva --registrar sip.nueva.example --domain nueva.example") == DONE
    words = (
        "add-user --tenant nueva --id 1122 --email eva@nueva.example --extension 200 --desk 201 --password-stdin --name"
    )
    assert admin(words, "Eva Ñ", typed="pa ss wörd\n") == DONE
    store = admin.house.tenancy.of(TenantId("nueva"))
    line, user, tenant = (
        store.lines.get(PBX),
        store.users.get(UserId("1122")),
        admin.house.tenancy.get(TenantId("nueva")),
    )
    assert line and user and tenant
    assert (line.host, line.port, line.domain, line.registrations[0].password) == (
        "sip.nueva.example",
        0,
        "nueva.example",
        "pa ss wörd",
    )
    assert (user.name, user.extension, user.desk, user.line, tenant.allowed_regions) == (
        "Eva Ñ",
        "200",
        "201",
        PBX,
        ("EC", "US"),
    )
    assert admin("show --tenant nueva") == DONE and "wörd" not in admin.said and "extension 200 desk 201" in admin.said


def test_a_command_that_is_repeated_changes_nothing_and_tells_the_same(admin: Admin) -> None:
    add(admin, "alice", "1001", "--desk", "2001")
    for words in (
        "add-tenant --id acme --name acme --domain acme.example", "add-line --tenant acme --registrar pbx.acme.example:5070",
        "set-policy --tenant acme --allow US --keep-days 365",
    ):  # fmt: skip
        admin(words)
        state, said = admin.state(), admin.said
        assert admin(words) == DONE and (admin.state(), admin.said) == (state, said)
    state = admin.state()
    assert add(admin, "alice", "1001", "--desk", "2001") == DONE and admin.state() == state


MISTAKES: list[tuple[str, tuple[str, ...], str, str]] = [
    ("add-line --tenant nobody --registrar pbx.example", (), "", "there is no tenant nobody. Create it first: add-tenant"),
    ("add-line --tenant ../acme --registrar pbx.example", (), "", "there is no tenant"),
    ("add-line --tenant", ("", "--registrar", "x"), "", "there is no tenant"),
    *[(f"add-line --tenant acme --registrar {where}", (), "", "a port from 1 to 65535") for where in
      ("pbx:0", "pbx:65536", "pbx:-1", "pbx:sip", "pbx:", ":5060", "pbx:５０６０", "pbx:99999999999")],
    *[("add-line --tenant acme --registrar", (where,), "", "not a host name") for where in
      ("pbx example", "pbx;rm", "pbx.", "[::1]:5060", "sip:pbx:5060", "a" * 300, "pbx\n.x", "ü.example")],
    ("add-line --tenant acme --registrar pbx --domain", ("a b",), "", "not a SIP domain"),
    ("add-line --tenant acme --registrar pbx --proxy edge:0", (), "", "--proxy is host or host:port"),
    ("add-line --tenant acme --registrar pbx --proxy", ("e dge",), "", "not a host name"),
    ("add-line --tenant acme --proxy edge --registrar", ("p bx",), "", "not a host name"),
    *[("add-user --tenant acme --id alice --name Alice --email alice@acme.example --password-stdin --extension", (ext,), "pw", "an extension has 1 to 15 digits")
      for ext in ("abc", "10 01", "1" * 16, "+593987654321", "１００１", "1001;x", "10\n01")],
    ("add-user --tenant acme --id alice --name Alice --email alice@acme.example --password-stdin --extension 1001 --desk", ("x",), "pw", "an extension has 1 to 15"),
    ("add-user --tenant acme --id alice --name Alice --email alice@acme.example --password-stdin --extension 1001 --desk 1001", (), "pw", "is the extension itself"),
    ("add-user --tenant acme --id alice --name Alice --email alice@acme.example --extension 1001", (), "", "needs its SIP password: add --password-stdin"),
    ("add-user --tenant acme --id alice --name Alice --email alice@acme.example --password-stdin --extension 1001", (), "", "the password is empty"),
    ("add-user --tenant acme --id alice --name Alice --email alice@acme.example --password-stdin --extension 1001", (), "\n", "the password is empty"),
    ("add-user --tenant acme --id alice --name Alice --email alice@acme.example --password-stdin --extension 1001", (), "one\ntwo\n", "one line"),
    ("add-user --tenant acme --id alice --name Alice --email alice@acme.example --password-stdin --extension 1001", (), "a\tb", "visible characters"),
    ("add-user --tenant acme --id alice --name Alice --email alice@acme.example --password-stdin --extension 1001", (), "x" * 129, "at most 128"),
    ("add-user --tenant acme --id alice --name Alice --email bob@acme.example", (), "", "belongs to user bob already"),
    ("add-user --tenant acme --id alice --name Alice --email BOB@ACME.example", (), "", "belongs to user bob already"),
    *[("add-user --tenant acme --id alice --name Alice --email", (mail,), "", "not a mail address") for mail in ("", "alice", "a b@acme.example", "a@b", "@acme.example", "a@acme.example,b@x.example")],
    *[("add-user --tenant acme --name Alice --email alice@acme.example --id", (user,), "", "not a Google user id") for user in ("", "a/b", "../bob", "a b", ".", "ñ", "x" * 101)],
    *[("add-user --tenant acme --id alice --email alice@acme.example --name", (name,), "", "visible characters") for name in ("", "   ", "a\nb", "\x00", "x" * 101)],
    ("suspend-user --tenant acme --id nobody", (), "", "there is no user nobody"),
    ("resume-user --tenant acme --id a/b", (), "", "there is no user"),
    ("remove-user --tenant acme --id nobody", (), "", "there is no user nobody"),
    ("check-line --tenant acme", (), "", "no extension is set"),
    ("remove-line --tenant zeta", (), "", "no line is set"),
    ("add-user --tenant zeta --id charlie --name C --email charlie@zeta.example --password-stdin --extension 9", (), "pw", "add-line first"),
    ("add-tenant --name X --domain x.example --id", ("A/b",), "", "small letters"),
    ("add-tenant --id x --name X --domain", ("not a domain",), "", "not a Workspace domain"),
    ("add-tenant --id x --name X --domain acme.example", (), "", "belongs to another tenant"),
    ("add-tenant --id x --domain x.example --name", ("  ",), "", "something visible"),
    ("add-tenant --id x --name X --domain x.example --region Ecuador", (), "", "not a country code"),
    ("add-tenant --id x --name X --domain x.example --allow EC,XX", (), "", "XX: not a country code"),
    ("set-policy --tenant acme --allow 593", (), "", "593: not a country code"),
    ("set-policy --tenant acme --keep-days 0", (), "", "a whole number from 1 to 3650"),
    ("set-policy --tenant acme --keep-days 5x", (), "", "a whole number"),
    ("set-policy --tenant acme --day-limit-cents 1.5", (), "", "a whole number from 0"),
    ("set-policy --tenant acme --no-recording-in Deutschland", (), "", "not a country code"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "more", "typed", "said"), MISTAKES, ids=lambda value: repr(value)[:60])
def test_a_mistake_is_said_and_changes_nothing(
    admin: Admin, words: str, more: tuple[str, ...], typed: str, said: str
) -> None:
    before, told = admin.state(), len(admin.house.telephony.told)
    assert admin(words, *more, typed=typed) == MISTAKE
    assert admin.said.startswith("error: ") and said in admin.said and "\n" not in admin.said
    assert admin.state() == before and len(admin.house.telephony.told) == told
    assert "Traceback" not in admin.said


def test_a_password_that_is_no_text_is_said(admin: Admin) -> None:
    words = "add-user --tenant acme --id alice --name A --email alice@acme.example --extension 1001 --password-stdin"
    assert admin(words, typed=b"\xff\xfe\n") == MISTAKE and "UTF-8" in admin.said


def written(folder: Path, **texts: str) -> list[str]:
    """Arguments for files that hold these texts."""
    words = []
    for name, text in texts.items():
        (folder / name).write_text(text)
        words += [f"--{name.replace('_', '-')}-file", str(folder / name)]
    return words


TLS = "add-line --tenant acme --registrar sip.acme.example --transport tls"


def test_a_line_on_tls_has_its_own_authority_proof_and_proxy(admin: Admin, tmp_path: Path) -> None:
    authority = Authority()
    certificate, key = authority.issue("cticontrol.test")
    files = written(tmp_path, ca=authority.ca, client_cert=certificate, client_key=key)
    assert admin(TLS, "--proxy", "edge.acme.example:5062", *files) == DONE
    shown = "sip.acme.example over TLS by way of edge.acme.example:5062, its own CA, client certificate"
    assert shown in admin.said and admin("show --tenant acme") == DONE and shown in admin.said and key not in admin.said
    line = admin.house.tenancy.of(ACME).lines.get(PBX)
    assert line is not None and (line.transport, line.port, line.proxy) == ("tls", 0, "edge.acme.example:5062")
    assert (line.ca, line.client_certificate, line.client_key) == (authority.ca, certificate, key)
    pushed = admin.house.telephony.told[-1]
    assert isinstance(pushed, PutLine) and pushed.config == line
    assert key.splitlines()[1] not in str(admin.state())
    state = admin.state()
    assert admin(TLS, "--proxy", "edge.acme.example:5062", *files) == DONE and admin.state() == state


def locked(key: str) -> str:
    read = load_pem_private_key(key.encode(), None)
    return read.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"word")).decode()


def test_certificates_that_cannot_serve_are_named_before_anything_is_stored(admin: Admin, tmp_path: Path) -> None:
    authority = Authority()
    certificate, key = authority.issue("cticontrol.test")
    other = authority.issue("other.test")[1]
    ended = authority.issue("cticontrol.test", days=-1)
    cases: list[tuple[dict[str, str], str]] = [
        ({"ca": "nothing"}, "--ca-file holds no certificate"), ({"ca": "x" * 20_000}, "more than 16384 bytes"),
        ({"ca": ended[0]}, "ended on"), ({"client_cert": certificate}, "needs its key"), ({"client_key": key}, "needs its key"),
        ({"client_cert": certificate, "client_key": other}, "is not the key of"), ({"client_cert": ended[0], "client_key": ended[1]}, "ended on"),
        ({"client_cert": certificate, "client_key": "nothing"}, "holds no private key"), ({"client_cert": key, "client_key": key}, "holds no certificate"),
        ({"client_cert": certificate, "client_key": locked(key)}, "locked by a password"),
    ]  # fmt: skip
    before = admin.state()
    for number, (texts, said) in enumerate(cases):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert admin(TLS, *written(folder, **texts)) == MISTAKE and said in admin.said, (number, admin.said)
        assert admin.state() == before and "PRIVATE" not in admin.said.replace("-----BEGIN PRIVATE KEY-----", "")
    plain = TLS.replace("tls", "tcp")
    assert admin(plain, *written(tmp_path, ca=authority.ca)) == MISTAKE and "add --transport tls" in admin.said
    assert admin(TLS, "--ca-file", str(tmp_path / "none")) == MISTAKE and "No such file" in admin.said
    (tmp_path / "octets").write_bytes(b"\xff\xfe")
    assert admin(TLS, "--ca-file", str(tmp_path / "octets")) == MISTAKE and "is not a PEM file" in admin.said
    assert admin.state() == before


@pytest.mark.parametrize("proxy", ["127.0.0.1", "10.0.0.5:5060", "localhost", "169.254.169.254:5061"])
def test_in_production_a_proxy_is_on_a_public_address_too(admin: Admin, proxy: str) -> None:
    admin.dev = False
    before = admin.state()
    assert admin("add-line --tenant acme --registrar 8.8.8.8 --proxy", proxy) == MISTAKE
    assert "not a public address" in admin.said and admin.state() == before


def test_a_name_that_may_have_srv_records_alone_is_stored_with_a_word_about_it(admin: Admin) -> None:
    admin.dev = False
    name = "nothing-here.acme.invalid"
    assert admin(f"add-line --tenant acme --registrar {name}") == DONE and "SRV records" in admin.said
    assert admin(f"add-line --tenant acme --registrar {name}:5060") == MISTAKE and "is not known" in admin.said
    assert admin("add-line --tenant acme --registrar mistyped") == MISTAKE and "is not known" in admin.said


def test_two_users_do_not_get_one_extension_nor_ring_anothers_webphone(admin: Admin) -> None:
    assert add(admin, "alice", "1001") == DONE
    before = admin.state()
    assert add(admin, "bob", "1001") == MISTAKE and "belongs to user alice already" in admin.said
    assert add(admin, "bob", "1002", "--desk", "1001") == MISTAKE and "is the webphone of user alice" in admin.said
    assert admin.state() == before


def test_two_administrators_at_once_lose_no_extension(admin: Admin) -> None:
    def one(number: int) -> int:
        words = f"add-user --tenant acme --id u{number} --name U --email u{number}@acme.example --extension 30{number} --password-stdin"
        return Admin(admin.house)(words, typed="pw")

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(one, range(6))) == [DONE] * 6
    assert sorted(row[1] for row in admin.registrations()) == [f"30{n}" for n in range(6)]


def test_a_user_changes_piece_by_piece_and_keeps_the_rest(admin: Admin) -> None:
    base = "add-user --tenant acme --id alice --name Alice --email alice@acme.example"
    assert add(admin, "alice", "1001", "--desk", "2001", typed="first\n") == DONE
    assert admin(base) == DONE and admin.registrations() == [("alice", "1001", "first", "2001")]
    assert admin(base + " --password-stdin", typed="second\r\n") == DONE
    assert admin.registrations() == [("alice", "1001", "second", "2001")]
    assert admin(base + " --desk", "") == DONE and admin.registrations() == [("alice", "1001", "second", "")]
    assert admin(base + " --extension 1005") == MISTAKE and "needs its SIP password" in admin.said
    assert add(admin, "alice", "1005", typed="third") == DONE and admin.registrations() == [
        ("alice", "1005", "third", "")
    ]
    assert admin(base + " --extension", "") == DONE and admin.registrations() == []
    user = admin.house.tenancy.of(ACME).users.get(ALICE)
    assert user is not None and (user.extension, user.desk, user.line) == ("", "", None)


def test_every_change_of_a_line_is_pushed_with_its_new_revision(admin: Admin) -> None:
    admin.house.telephony.told.clear()
    add(admin, "alice", "1001")
    admin("add-line --tenant acme --registrar pbx2.acme.example")
    pushed = [c.config for c in admin.house.telephony.told if isinstance(c, PutLine)]
    assert [(c.rev, c.host, len(c.registrations)) for c in pushed] == [
        (2, "pbx.acme.example", 1),
        (3, "pbx2.acme.example", 1),
    ]
    assert pushed[0].registrations[0].password == "s3cret"


def test_without_telephony_the_change_is_stored_and_said_to_come_later(admin: Admin) -> None:
    admin.house.telephony.away = True
    assert add(admin, "alice", "1001") == DONE and admin.said.endswith(NOT_TOLD)
    assert admin.registrations() == [("alice", "1001", "s3cret", "")]


def states(admin: Admin, **problems: Presence) -> None:
    admin.house.telephony.presence = lambda tenant, user: problems[user]  # type: ignore[method-assign] # what telephony knows of each


def test_the_check_says_in_plain_words_how_each_extension_stands(admin: Admin) -> None:
    add(admin, "alice", "1001")
    add(admin, "bob", "1002")
    states(admin, alice=Presence(False, True), bob=Presence(False, True))
    assert admin("check-line --tenant acme") == DONE and admin.said.count("registered") == 2
    for problem, words in (
        ("wrong-password", "refuses the password"), ("unreachable", "does not answer"), ("refused", "does not let this extension"),
        ("untrusted-certificate", "--ca-file"), ("wrong-certificate-name", "for another name"), ("tls-failed", "TLS 1.2"),
        ("", "not registered yet"), ("new-code", "new-code"),
    ):  # fmt: skip
        states(admin, alice=Presence(False, True), bob=Presence(False, False, (), problem))
        assert (
            admin("check-line --tenant acme") == UNWELL
            and words in admin.said
            and "extension 1002 of bob" in admin.said
        )
    del admin.house.telephony.presence  # type: ignore[attr-defined]
    admin.house.telephony.away = True
    assert admin("check-line --tenant acme") == AWAY and "is it running" in admin.said


def test_a_removed_line_leaves_nobody_registered_and_can_come_back(admin: Admin) -> None:
    add(admin, "alice", "1001")
    assert admin("remove-line --tenant acme") == DONE
    assert admin.registrations() == [] and "nobody is registered" in admin.said
    user = admin.house.tenancy.of(ACME).users.get(ALICE)
    assert user is not None and user.line is None
    assert add(admin, "alice", "1001") == DONE and len(admin.registrations()) == 1


def test_a_suspended_user_is_out_at_once_and_may_come_back(admin: Admin) -> None:
    add(admin, "alice", "1001")
    admin.house.telephony.told.clear()
    assert admin("suspend-user --tenant acme --id alice") == DONE
    assert admin.house.telephony.told == [EndSessions(ACME, ALICE)]
    user = admin.house.tenancy.of(ACME).users.get(ALICE)
    assert user is not None and user.suspended and "suspended" in admin.said
    assert admin("resume-user --tenant acme --id alice") == DONE
    assert add(admin, "alice", "1001") == DONE
    user = admin.house.tenancy.of(ACME).users.get(ALICE)
    assert user is not None and not user.suspended
    admin.house.telephony.away = True
    assert admin("suspend-user --tenant acme --id alice") == DONE and "a call that is up goes on" in admin.said


def test_a_user_with_calls_is_removed_only_when_that_is_said_and_then_wholly(admin: Admin) -> None:
    add(admin, "alice", "1001")
    recording = store_recording(admin.house)
    before = admin.state()
    assert admin("remove-user --tenant acme --id alice") == MISTAKE
    assert "1 recordings and 1 call records: add --erase-data" in admin.said and admin.state() == before
    store = admin.house.tenancy.of(ACME)
    store.recordings.put(ALICE, replace(recording, holds=("case-1",)))
    assert admin("remove-user --tenant acme --id alice --erase-data") == MISTAKE and "legal hold" in admin.said
    assert store.users.get(ALICE) is not None and len(admin.registrations()) == 1
    store.recordings.put(ALICE, recording)
    admin.house.telephony.told.clear()
    assert admin("remove-user --tenant acme --id alice --erase-data") == DONE and "1 recordings" in admin.said
    assert list(store.everything_of(ALICE)) == [] and admin.registrations() == []
    assert not [p for p in (admin.house.folder / "objects" / "bytes").iterdir()]
    assert {type(c) for c in admin.house.telephony.told} == {EndSessions, PutLine}
    acts = [line.act for line in store.audit.lines()]
    assert {"recording.deleted", "user.removed"} <= set(acts) and store.audit.is_whole()


def test_a_user_without_anything_is_simply_removed(admin: Admin) -> None:
    assert admin("remove-user --tenant acme --id bob") == DONE
    assert admin.house.tenancy.of(ACME).users.get(UserId("bob")) is None


def test_what_is_told_of_a_removed_user_later_is_kept_nowhere(admin: Admin) -> None:
    store_recording(admin.house)
    admin("remove-user --tenant acme --id alice --erase-data")
    assert event(replace(ended(), call=CallId("c2"), id="c2:ended"), admin.house) == 410
    assert list(admin.house.tenancy.of(ACME).everything_of(ALICE)) == []


def test_the_policy_is_set_and_cleared(admin: Admin) -> None:
    assert (
        admin(
            "set-policy --tenant acme --allow",
            "co,us",
            "--day-limit-cents",
            "900",
            "--recording",
            "off",
            "--no-recording-in",
            "de",
            "--keep-days",
            "30",
        )
        == DONE
    )
    tenant = admin.house.tenancy.get(ACME)
    assert tenant is not None
    assert (tenant.allowed_regions, tenant.day_cost_cap_cents, tenant.recording_allowed) == (("CO", "US"), 900, False)
    assert (tenant.places_without_recording, tenant.retention_max_days, tenant.domains) == (
        ("DE",),
        30,
        ("acme.example",),
    )
    assert admin("set-policy --tenant acme --allow", "", "--no-recording-in", "", "--recording", "on") == DONE
    tenant = admin.house.tenancy.get(ACME)
    assert tenant is not None and (
        tenant.allowed_regions,
        tenant.places_without_recording,
        tenant.recording_allowed,
    ) == ((), (), True)
    assert "at most 30 days" in admin.said and "other countries none" in admin.said


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "10.0.0.5", "192.168.1.10", "169.254.169.254", "localhost", "0.0.0.0", "100.64.0.1"]
)
def test_in_production_a_pbx_is_on_a_public_address(admin: Admin, host: str) -> None:
    admin.dev = False
    before = admin.state()
    assert admin(f"add-line --tenant acme --registrar {host}") == MISTAKE and "not a public address" in admin.said
    assert admin.state() == before


def test_a_store_that_is_away_or_of_other_keys_is_said(admin: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    add(admin, "alice", "1001")
    line = admin.house.documents.get("tenants/acme/lines/pbx")
    assert line is not None
    broken = {**line.body, "registrations": [{**line.body["registrations"][0], "password": "k9.AAAA"}]}
    admin.house.documents.put("tenants/acme/lines/pbx", broken)
    assert admin("check-line --tenant acme") == MISTAKE and "KEYS_FILE" in admin.said
    monkeypatch.setattr(type(admin.house.documents), "get", away)
    assert admin("show --tenant acme") == AWAY and "DATA_DIR" in admin.said


def away(*_: Any) -> Any:
    raise Away("disk I/O error")


def test_every_command_is_used_here_and_none_needs_a_guess(admin: Admin, capsys: pytest.CaptureFixture[str]) -> None:
    text = Path(__file__).read_text()
    assert [verb for verb in VERBS if verb not in text] == []
    for words in ("", "add-linne", "add-user --tenant acme"):
        with pytest.raises(SystemExit) as stopped:
            admin(words)
        assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert "check-line" in said and "--id" in said
