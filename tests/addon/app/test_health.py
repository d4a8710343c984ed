"""GET /healthz pings every part, is truthful, bounded, asked once a second at most, and says nothing that is not anybody's."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from addon.adapters.telephony_http import LINE_TROUBLES
from addon.app import create_app
from addon.doors.health import HealthDoor
from addon.ports.documents import Away
from tests.cast import FixedKeys, House

pytestmark = pytest.mark.pure
PARTS = {"documents", "objects", "tasks", "google", "telephony", "lines"}


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def health(house: House) -> tuple[int, Any]:
    answer = house.app.test_client().get("/healthz")
    return answer.status_code, answer.json


def without(house: House, part: str) -> House:
    """The same add-on with one of its stores gone."""

    class Gone:
        def ping(self) -> None:
            raise Away("CANARY-address") from OSError("CANARY-file")

    house.app = create_app(house.config, replace(house.ports, **{part: Gone()}), house.tenancy, FixedKeys())
    return house


def test_every_part_is_named_and_ok(house: House) -> None:
    assert health(house) == (200, {"status": "ok", "parts": dict.fromkeys(PARTS, "ok")})


def test_telephony_away_is_named_and_not_ok_but_cards_go_on(house: House) -> None:
    house.telephony.away = True
    status, found = health(house)
    assert (status, found["status"]) == (200, "degraded")
    assert {n: s for n, s in found["parts"].items() if s != "ok"} == {
        "telephony": "TelephonyAway",
        "lines": "TelephonyAway",
    }


@pytest.mark.parametrize("trouble", sorted(LINE_TROUBLES))
def test_lines_that_are_all_down_are_named(house: House, trouble: str) -> None:
    house.telephony.lines = trouble
    status, found = health(house)
    assert (status, found["status"], found["parts"]["lines"]) == (200, "degraded", trouble)


@pytest.mark.parametrize("part", ["documents", "objects", "tasks"])
def test_without_a_store_it_fails_and_tells_kinds_of_errors_only(house: House, part: str) -> None:
    status, found = health(without(house, part))
    assert (status, found["status"], found["parts"][part]) == (503, "failing", "Away (OSError)")


def test_without_the_issuers_keys_nobody_can_be_known(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FixedKeys, "away", True)
    assert health(house)[0] == 503


def test_a_laptops_issuer_is_the_workbench(house: House) -> None:
    config = replace(house.config, dev=True)
    house.app = create_app(config, house.ports, house.tenancy, FixedKeys())
    assert set(health(house)[1]["parts"]) == PARTS - {"google"} | {"workbench"}


def test_parts_are_asked_once_a_second_however_many_look() -> None:
    asked, clock = list[int](), [0.0]
    door = HealthDoor({"a": lambda: asked.append(1)}, frozenset(), lambda: clock[0])
    with ThreadPoolExecutor(16) as pool:
        assert {health.status for health in pool.map(lambda _: door.look(), range(400))} == {"ok"}
    assert len(asked) == 1
    clock[0] = 1.0
    door.look()
    assert len(asked) == 2


def test_a_part_that_hangs_is_waited_for_by_one_request_and_holds_one_thread() -> None:
    let_go, started, clock = threading.Event(), list[int](), [0.0]

    def hangs() -> None:
        started.append(1)
        let_go.wait(30)

    pings = {"good": lambda: None, "bad": hangs}
    door = HealthDoor(pings, frozenset({"good"}), lambda: clock[0], pings_seconds=0.3)
    assert door.look().parts == {"good": "ok", "bad": "no answer in time"}
    clock[0], door.pings_seconds = 5.0, 20.0
    with ThreadPoolExecutor(8) as pool:
        waiting = pool.submit(door.look)
        while not door._asking.locked():
            time.sleep(0.001)
        others = [pool.submit(door.look) for _ in range(64)]
        assert {other.result(timeout=10).status for other in others} == {"degraded"}
        assert not waiting.done() and len(started) == 1, "only one request waits, for the one thread that hangs"
        let_go.set()
        assert waiting.result(timeout=10).status == "ok"
