"""Calls in memory: each way a call may go, what the user sees and what is reported."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from contract import wire
from contract.calls import CallId, CallState, Codec, Device, Direction, Outcome, RecordingPlan, RecordingRule
from contract.commands import CommandResult, EndSessions, HangUp, HoldCall, StopRecording
from contract.lines import Registration
from contract.numbers import Extension, TenantId, UserId
from contract.route_plan import RoutePlan
from telephony.calls.call import NEXT
from telephony.calls.recovery import recover, say_byes
from telephony.calls.switchboard import COMMANDS, presence
from telephony.journal import Journal
from telephony.leg import Signal
from tests.telephony.calls.fakes import ALICE, LINE, Exchange, ScriptedLeg, connected, exchange, place, until

pytestmark = pytest.mark.pure


@pytest.fixture
async def x(tmp_path: Path) -> Exchange:
    return exchange(Journal(tmp_path / "journal" / "log"))


def test_state_table_reaches_its_end_and_has_a_row_per_state() -> None:
    assert set(NEXT) == set(CallState)
    assert all(CallState.ENDED in after for state, after in NEXT.items() if state is not CallState.ENDED)
    assert not NEXT[CallState.ENDED]


def test_every_command_has_a_row() -> None:
    assert {kind.__name__ for kind in COMMANDS} == {
        "PlaceCall",
        "HangUp",
        "HoldCall",
        "StopRecording",
        "PutLine",
        "EndSessions",
    }


async def test_browser_call_goes_through_to_the_end(x: Exchange) -> None:
    call, peer = await connected(x)
    assert call.codec is Codec.PCMU and call.media == "up"
    assert list(x.journal.items("call/")) == ["call/c1"] and list(x.journal.items("dialog/")) == ["dialog/c1/1"]
    peer.events.put(Signal.ENDED, Outcome.COMPLETED)
    facts = await x.ended("c1")
    assert facts["outcome"] is Outcome.COMPLETED and facts["answered_at"] and facts["codec"] == "PCMU"
    assert x.window.states() == ["dialing", "active", "ended"]
    assert not x.journal.items("call/") and not x.journal.items("dialog/")


async def test_same_call_id_places_one_call(x: Exchange) -> None:
    await connected(x)
    assert (await x.board.command(place())).accepted
    assert len(x.board.live) == 1 and x.lines.dialled.empty()


@pytest.mark.parametrize("outcome,status", [(Outcome.BUSY, 486), (Outcome.DECLINED, 603), (Outcome.CARRIER_ERROR, 500)])
async def test_refusal_of_the_far_end_is_reported(x: Exchange, outcome: Outcome, status: int) -> None:
    await x.board.command(place())
    call = await x.call()
    await until(lambda: call.media == "wanted")
    offer = asyncio.ensure_future(call.take_offer("opus PCMU"))
    peer = await x.lines.dialled.get()
    peer.events.put(Signal.ENDED, outcome, status)
    facts = await x.ended("c1")
    assert (facts["outcome"], facts["sip_status"], facts["talk_seconds"]) == (outcome, status, 0.0)
    offer.cancel()


async def test_no_window_ends_as_device_unreachable(x: Exchange) -> None:
    await x.board.command(place())
    assert (await x.ended("c1"))["outcome"] is Outcome.DEVICE_UNREACHABLE
    assert x.lines.dialled.empty()


async def test_ringing_gives_our_tone_and_no_answer_ends_it(x: Exchange) -> None:
    await x.board.command(place(ring_timeout_seconds=1))
    call = await x.call()
    await until(lambda: call.media == "wanted")
    offer = asyncio.ensure_future(call.take_offer("opus PCMU"))
    peer = await x.lines.dialled.get()
    peer.events.put(Signal.RINGING)
    assert await offer == "PCMU"
    await until(lambda: "ringback" in x.media.story)
    assert (await x.ended("c1"))["outcome"] is Outcome.NO_ANSWER
    assert ("hang_up", Outcome.NO_ANSWER) in peer.log


async def test_early_media_is_heard_before_the_answer(x: Exchange) -> None:
    await x.board.command(place())
    call = await x.call()
    await until(lambda: call.media == "wanted")
    offer = asyncio.ensure_future(call.take_offer("opus PCMU"))
    peer = await x.lines.dialled.get()
    peer.events.put(Signal.EARLY_MEDIA)
    await offer
    await until(lambda: call.state is CallState.EARLY)
    peer.endpoint.hear(b"early")
    assert [f.payload for f in call.browser.endpoint.sent] == [b"early"]


async def test_user_cancels(x: Exchange) -> None:
    await x.board.command(place())
    await x.call()
    assert (await x.board.command(HangUp("c1", *ALICE))).accepted
    assert (await x.ended("c1"))["outcome"] is Outcome.CANCELLED


async def test_a_script_that_breaks_ends_only_its_call(x: Exchange) -> None:
    other, _ = await connected(x, place("ok"))
    x.lines.trouble = ZeroDivisionError()
    await x.board.command(place("bad"))
    call = await x.call("bad")
    await until(lambda: call.media == "wanted")
    offer = asyncio.ensure_future(call.take_offer("PCMU"))
    assert (await x.ended("bad"))["outcome"] is Outcome.OUR_ERROR
    assert other.state in {CallState.ACTIVE, CallState.HELD}
    offer.cancel()


async def test_hold_mute_and_digits(x: Exchange) -> None:
    call, peer = await connected(x)
    assert (await x.board.command(HoldCall("c1", *ALICE, True))).accepted
    assert peer.log[-1] == ("hold", True) and call.state is CallState.HELD
    peer.endpoint.hear(b"held")
    await x.board.command(HoldCall("c1", *ALICE, False))
    peer.endpoint.hear(b"back")
    assert [f.payload for f in call.browser.endpoint.sent] == [b"back"]
    call.connection.mute(True)
    call.browser.endpoint.hear(b"secret")
    assert not peer.endpoint.sent
    call.connection.dial_digits("1x2#")
    await until(lambda: peer.endpoint.digits == "12#")


async def test_a_hold_of_the_other_party_is_told_to_the_window(x: Exchange) -> None:
    call, peer = await connected(x)
    for signal, held in ((Signal.HELD, True), (Signal.RESUMED, False)):
        peer.events.put(signal)
        await until(lambda held=held: call.peer_holds is held)
        told = [params for method, params in x.window.seen if method == "call.state"]
        assert (told[-1]["peer_holds"], told[-1]["state"], told[-1]["held"]) == (held, "active", False)


async def test_notice_ends_for_both_before_the_tape_begins(x: Exchange) -> None:
    call, peer = await connected(x, place(record=True))
    peer.endpoint.hear(b"during the notice")
    await until(lambda: call.recording == "on")
    assert x.media.story == [("begins", "recording-notice", "es")] * 2 + [("ends", "recording-notice", "es")] * 2 + [
        "tape"
    ]
    peer.endpoint.hear(b"after")
    assert x.media.tapes[0].frames == [("peer", b"after")]
    await x.board.command(HoldCall("c1", *ALICE, True))
    peer.endpoint.hear(b"on hold")
    assert len(x.media.tapes[0].frames) == 1
    assert list(x.journal.items("tape/")) == ["tape/c1"]


@pytest.mark.parametrize("early", [True, False])
@pytest.mark.parametrize("ours", [True, False])
async def test_objection_digit_of_either_party_stops_the_recording(x: Exchange, early: bool, ours: bool) -> None:
    call, peer = await connected(x, place(record=True))
    if not early:
        await until(lambda: call.recording == "on")
    else:
        await until(lambda: call.recording == "announcing")
    if ours:
        assert call.connection is not None
        call.connection.dial_digits("9")
    else:
        peer.endpoint.hear(digit="9")
    await asyncio.sleep(0.1)
    peer.endpoint.hear(b"private")
    assert not any(tape.frames for tape in x.media.tapes) and bool(x.media.tapes) is not early
    call.hang_up()
    facts = await x.ended("c1")
    assert facts["recording_rule"] is RecordingRule.PARTY_OBJECTED and facts["outcome"] is Outcome.COMPLETED


async def test_stop_and_discard_leaves_nothing(x: Exchange) -> None:
    call, peer = await connected(x, place(record=True))
    await until(lambda: call.recording == "on")
    peer.endpoint.hear(b"words")
    await x.board.command(StopRecording("c1", *ALICE, discard=True))
    assert not x.media.tapes[0].frames and not x.journal.items("tape/")


async def test_a_consent_withdrawn_while_it_rings_means_no_notice_and_no_tape(x: Exchange) -> None:
    assert (await x.board.command(place(record=True))).accepted
    call = await x.call("c1")
    await until(lambda: call.media == "wanted")
    assert (await x.board.command(StopRecording("c1", *ALICE))).accepted
    answer = asyncio.ensure_future(call.take_offer("opus PCMU PCMA"))
    peer = await x.lines.dialled.get()
    peer.events.put(Signal.ANSWERED)
    await answer
    await until(lambda: call.connection)
    peer.endpoint.hear(b"words")
    await asyncio.sleep(0.15)
    assert not x.media.tapes and not [step for step in x.media.story if "recording-notice" in step]
    call.hang_up()
    assert (await x.ended("c1"))["recording_rule"] is RecordingRule.NO_CONSENT


async def test_a_consent_withdrawn_in_the_call_stops_the_tape_and_keeps_what_was_said(x: Exchange) -> None:
    call, peer = await connected(x, place(record=True))
    await until(lambda: call.recording == "on")
    peer.endpoint.hear(b"agreed")
    assert (await x.board.command(StopRecording("c1", *ALICE))).accepted
    peer.endpoint.hear(b"private")
    assert [frame for _, frame in x.media.tapes[0].frames] == [b"agreed"] and call.recording == "stopped"


async def test_stopping_what_was_never_recorded_changes_nothing(x: Exchange) -> None:
    call, _ = await connected(x)
    assert (await x.board.command(StopRecording("c1", *ALICE))).accepted and call.recording == "off"


async def test_desk_phone_rings_first(x: Exchange) -> None:
    await x.board.command(place(device=Device.DESK))
    desk = await x.lines.dialled.get()
    assert desk.dialled == "2001" and x.lines.dialled.empty()
    desk.events.put(Signal.ANSWERED)
    peer = await x.lines.dialled.get()
    peer.events.put(Signal.ANSWERED)
    call = await x.call()
    await until(lambda: call.state is CallState.ACTIVE)
    peer.endpoint.hear(b"hello")
    assert [f.payload for f in desk.endpoint.sent] == [b"hello"]


async def test_the_desk_hears_the_networks_own_sound_before_the_answer_and_codecs_may_differ(x: Exchange) -> None:
    await x.board.command(place(record=True, device=Device.DESK))
    desk = await x.lines.dialled.get()
    desk.events.put(Signal.ANSWERED)
    peer = await x.lines.dialled.get()
    peer.codecs = (Codec.G722,)
    call = await x.call()
    await until(lambda: "ringback" in x.media.story)
    peer.events.put(Signal.EARLY_MEDIA)
    await until(lambda: call.state is CallState.EARLY)
    peer.endpoint.hear(b"this number is not in service")
    assert [f.payload for f in desk.endpoint.sent] == [b"this number is not in service"]
    peer.events.put(Signal.ANSWERED)
    await until(lambda: call.recording == "on")
    assert (desk.endpoint.codec, peer.endpoint.codec) == (Codec.PCMU, Codec.G722)
    assert (x.media.tapes[0].user, x.media.tapes[0].peer) == (Codec.PCMU, Codec.G722)


async def test_a_desk_that_leaves_or_a_callee_who_refuses_ends_the_call(x: Exchange) -> None:
    for name, gone, outcome in (("d1", True, Outcome.CANCELLED), ("d2", False, Outcome.BUSY)):
        await x.board.command(place(name, device=Device.DESK))
        desk = await x.lines.dialled.get()
        desk.events.put(Signal.ANSWERED)
        peer = await x.lines.dialled.get()
        peer.events.put(Signal.RINGING)
        (desk if gone else peer).events.put(Signal.ENDED, Outcome.BUSY, 486)
        assert (await x.ended(name))["outcome"] is outcome
        assert ("hang_up", outcome) in desk.log and ("hang_up", outcome) in peer.log


async def _invite(x: Exchange, **more: object) -> ScriptedLeg:
    plan = RecordingPlan(False, RecordingRule.USER_OFF)
    x.routes.plan = RoutePlan(ALICE[1], "Carlos", plan, **{"ring_seconds": 5, "announcement_language": "pt", **more})
    caller = ScriptedLeg()
    await x.board.invited(ALICE[0], LINE, Registration(ALICE[1], Extension("1001"), "1001", "pw"), caller)
    return caller


async def test_incoming_call_is_answered(x: Exchange) -> None:
    caller = await _invite(x)
    call = await until(lambda: next(iter(x.board.live.values()), None))
    await until(lambda: call.state is CallState.RINGING)
    assert call.peer.name == "Carlos" and call.direction is Direction.INBOUND
    call.picked_up.set()
    await until(lambda: call.media == "wanted")
    assert await call.take_offer("opus PCMU") == "PCMU"
    await until(lambda: call.state is CallState.ACTIVE)
    assert caller.log == ["ring", "answer"]


async def test_unanswered_incoming_call_hears_the_announcement(x: Exchange) -> None:
    caller = await _invite(x, ring_seconds=0)
    call_id = await until(lambda: next(iter(x.board.live), None))
    assert (await x.ended(call_id))["outcome"] is Outcome.NO_ANSWER
    assert x.media.story == [("begins", "unavailable", "pt"), ("ends", "unavailable", "pt")]
    assert caller.log[:2] == ["ring", "answer"]


async def test_blocked_caller_is_declined_without_ringing(x: Exchange) -> None:
    caller = await _invite(x, blocked=True)
    await until(lambda: caller.log)
    assert caller.log == [("hang_up", Outcome.DECLINED)]


async def test_user_declines_and_caller_gives_up(x: Exchange) -> None:
    first, second = await _invite(x), await _invite(x)
    await until(lambda: len(x.board.live) == 2 and first.log and second.log)
    one, two = x.board.live.values()
    one.hang_up()
    second.events.put(Signal.ENDED)
    assert (await x.ended(one.id))["outcome"] is Outcome.DECLINED
    assert (await x.ended(two.id))["outcome"] is Outcome.NO_ANSWER


async def test_reload_keeps_the_call_and_silence_ends_it(x: Exchange) -> None:
    call, peer = await connected(x)
    old = call.browser
    x.board.phones.detach(ALICE, x.window)
    assert call.media == "wanted"
    x.board.phones.attach(ALICE, x.window, None)
    assert await call.connection.replace_user("PCMU") == "PCMU"
    peer.endpoint.hear(b"again")
    assert [f.payload for f in call.browser.endpoint.sent] == [b"again"]
    assert old.log[-1] == ("hang_up", Outcome.COMPLETED)
    x.board.phones.detach(ALICE, x.window)
    assert (await x.ended("c1"))["outcome"] is Outcome.MEDIA_FAILED


async def test_commands_of_another_person_find_nothing(x: Exchange) -> None:
    await connected(x)
    result = await x.board.command(HangUp("c1", TenantId("zeta"), UserId("alice")))
    assert (result.accepted, result.reason) == (False, "unknown-call")


async def test_end_sessions_closes_windows_and_calls(x: Exchange) -> None:
    await connected(x)
    await x.board.command(EndSessions(*ALICE))
    await x.ended("c1")
    assert ("session.ended", {}) in x.window.seen


async def test_signing_out_of_one_web_session_leaves_the_windows_of_another(x: Exchange) -> None:
    x.window.web_session = "mine"
    await connected(x)
    await x.board.command(EndSessions(*ALICE, session="other"))
    assert "c1" in x.board.live and ("session.ended", {}) not in x.window.seen
    await x.board.command(EndSessions(*ALICE, session="mine"))
    await x.ended("c1")


async def test_overload_and_foreign_line_are_refused(x: Exchange) -> None:
    x.board.lag_seconds = 0.06
    assert (await x.board.command(place())).reason == "overloaded"


async def test_restart_ends_each_live_call_exactly_once(x: Exchange, tmp_path: Path) -> None:
    await connected(x, place(record=True))
    await until(lambda: x.journal.items("tape/"))
    again = Journal(tmp_path / "journal" / "log")
    byes: list[str] = []

    async def bye(dialog: dict[str, Any]) -> None:
        byes.append(dialog["of"])

    for _ in range(2):
        recover(again, now=1e9)
        await say_byes(again, bye)
    assert byes == ["+593991112222"] and not again.items("call/")
    (entry,) = again.items("event/").values()
    assert wire.loads(entry["wire"].encode()).outcome is Outcome.OUR_ERROR
    assert again.items("tape/")["tape/c1"]["cut_short"] is True


async def test_a_line_with_a_problem_takes_no_call_but_an_emergency(x: Exchange) -> None:
    x.lines.problem = "wrong-password"
    assert await x.board.command(place("n1")) == CommandResult(False, "line-down") and x.lines.knocks == 1
    assert (await x.board.command(place("n2", emergency=True))).accepted
    assert not x.board.live.get(CallId("n1")) and x.board.live.get(CallId("n2"))


@dataclass(eq=False)
class Watched(ScriptedLeg):
    """Remembers whether a kill would have hung it up when it was told that it is connected."""

    journal: Journal | None = None

    def _note(self, what: str) -> None:
        assert self.journal is not None
        self.log.append((what, bool(self.journal.items("dialog/"))))

    async def confirm(self) -> None:
        self._note("confirm")

    async def answer(self) -> None:
        self._note("answer")


@pytest.mark.parametrize("device", [Device.BROWSER, Device.DESK])
async def test_a_party_is_told_that_it_is_connected_once_a_kill_would_hang_it_up(x: Exchange, device: Device) -> None:
    legs: list[Watched] = []

    def dial(call: object, number: str, codecs: tuple[Codec, ...]) -> Watched:
        legs.append(Watched((Codec.PCMU,), dialled=number, journal=x.journal))
        legs[-1].events.put(Signal.ANSWERED)
        return legs[-1]

    x.lines.dial = dial  # type: ignore[method-assign] # a line whose parties watch the journal
    assert (await x.board.command(place(device=device))).accepted
    call = await x.call()
    if device is Device.BROWSER:
        await until(lambda: call.media == "wanted")
        await call.take_offer("opus PCMU")
    await until(lambda: call.connection)
    assert len(legs) == (2 if device is Device.DESK else 1)
    assert all(("confirm", True) in leg.log for leg in legs)
    assert len(x.journal.items("dialog/")) == len(legs)


@pytest.mark.parametrize("ring_seconds", [0, 5])
async def test_a_caller_is_answered_once_a_kill_would_hang_him_up(x: Exchange, ring_seconds: int) -> None:
    x.routes.plan = RoutePlan(ALICE[1], "", RecordingPlan(False, RecordingRule.USER_OFF), ring_seconds=ring_seconds)
    caller = Watched(journal=x.journal)
    await x.board.invited(ALICE[0], LINE, Registration(ALICE[1], Extension("1001"), "1001", "pw"), caller)
    call = await until(lambda: next(iter(x.board.live.values()), None))
    if ring_seconds:
        await until(lambda: call.state is CallState.RINGING)
        call.picked_up.set()
        await until(lambda: call.media == "wanted")
        await call.take_offer("opus PCMU")
    await until(lambda: ("answer", True) in caller.log)


async def test_a_call_that_was_hung_up_is_told_with_its_outcome_and_shown_no_longer(x: Exchange) -> None:
    call, _ = await connected(x)
    assert [c["call"] for c in presence(x.board, *ALICE)["calls"]] == ["c1"]
    told = await x.board.command(HangUp(CallId("c1"), *ALICE))
    assert told.accepted and told.ended == call.ended_event() and told.ended.outcome is Outcome.COMPLETED
    assert await x.ended("c1") == {name: getattr(told.ended, name) for name in told.ended.__slots__}
    assert presence(x.board, *ALICE)["calls"] == []


async def test_a_party_that_is_slow_to_hang_up_keeps_no_call_on_the_card(
    x: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telephony.calls.switchboard._END_SECONDS", 0.05)
    _, peer = await connected(x)
    answered = asyncio.Event()

    async def slow(_outcome: Outcome) -> None:
        await answered.wait()

    monkeypatch.setattr(peer, "hang_up", slow)
    assert await x.board.command(HangUp(CallId("c1"), *ALICE)) == CommandResult(True)
    assert presence(x.board, *ALICE)["calls"] == []
    answered.set()
    assert (await x.ended("c1"))["outcome"] is Outcome.COMPLETED


async def test_who_answers_a_second_call_holds_the_first_and_going_back_holds_the_second(x: Exchange) -> None:
    first, peer = await connected(x)
    second, other = await connected(x, place("c2"))
    await until(lambda: first.state is CallState.HELD)
    assert peer.log[-1] == ("hold", True) and second.state is CallState.ACTIVE
    assert (await x.board.command(HoldCall(first.id, *ALICE, False))).accepted
    await until(lambda: second.state is CallState.HELD and first.state is CallState.ACTIVE)
    assert other.log[-1] == ("hold", True)
    second.hang_up()
    await until(lambda: len(x.board.live) == 1)
    assert first.state is CallState.ACTIVE
    first.hang_up()
    await until(lambda: not x.board.live)


async def test_a_resume_that_cannot_be_holds_no_other_call(x: Exchange) -> None:
    first, _ = await connected(x)
    assert (await x.board.command(place("c2"))).accepted
    await until(lambda: first.state is CallState.HELD)
    assert (await x.board.command(HoldCall(first.id, *ALICE, False))).accepted
    assert (await x.board.command(HoldCall(CallId("c2"), *ALICE, False))).reason == "bad-state"
    await asyncio.sleep(0.05)
    assert first.state is CallState.ACTIVE
