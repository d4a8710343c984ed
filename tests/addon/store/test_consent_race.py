"""Decisions taken at the same moment in several processes still form one chain."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from addon.adapters.sqlite_documents import SqliteDocuments
from addon.domain.consent import Consent, ConsentKind
from addon.store.sealed import Seal
from addon.store.tenancy import Tenancy, new_id
from addon.store.tenants import TenantStore
from addon.store.users import chain_is_whole
from contract.numbers import TenantId, UserId

pytestmark = pytest.mark.pure


def opened(file: str) -> TenantStore:
    return Tenancy(SqliteDocuments(Path(file)), Seal({"k": b"1" * 32})).of(TenantId("acme"))


def decide(file: str) -> None:
    """Ten decisions in a process of its own."""
    acme = opened(file)
    for n in range(10):
        acme.consents.add(UserId("alice"), Consent(new_id(), ConsentKind.RECORDING, "v", n % 2 == 0, 5.0, "card"))


def test_racing_decisions_form_one_chain(tmp_path: Path) -> None:
    file = str(tmp_path / "d.sqlite")
    acme = opened(file)
    context = multiprocessing.get_context("spawn")
    runners = [context.Process(target=decide, args=(file,)) for _ in range(3)]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join(60)
    history = acme.consents.history(UserId("alice"), ConsentKind.RECORDING)
    assert len(history) == 30 and chain_is_whole(history)
