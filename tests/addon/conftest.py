"""The servers that the cloud adapters are tested against: one of each per run, ended with it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.peers import firestore


@pytest.fixture(scope="session")
def firestore_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[firestore.Emulator]:
    """Google's emulator, warm; every test takes a project of its own in it."""
    if hint := firestore.missing():
        pytest.skip(hint)
    emulator = firestore.Emulator(tmp_path_factory.mktemp("firestore") / "emulator.log")
    yield emulator
    emulator.stop()
