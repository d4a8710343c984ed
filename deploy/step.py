"""One step of a deployment: look whether it is done; make or change it; look again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from deploy.cloud import Cloud, CloudFailed, Command

LOOKS = 24
PAUSE_SECONDS = 5.0


class State(StrEnum):
    """How what is there compares with what is wanted."""

    DONE = "done"
    DIFFERENT = "different"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Step:
    """`state` judges what `look` printed (None: nothing is there). Without `change` a difference is for a person: `advice`."""

    name: str
    look: tuple[str, ...]
    state: Callable[[Any], State]
    make: tuple[Command, ...]
    change: tuple[Command, ...] = ()
    advice: str = ""


class NeedsPerson(Exception):
    """What only a person can do, and how."""


def settle(step: Step, cloud: Cloud, say: Callable[[str], None], pause: Callable[[float], None], *, dry: bool) -> bool:
    """Do what is missing; True when something was (or in a dry run would be) changed. Raises CloudFailed, NeedsPerson."""
    state = step.state(cloud.look(step.look))
    if state is State.DONE:
        say(f"  is so     {step.name}")
        return False
    commands = step.make if state is State.MISSING else step.change
    if not commands:
        raise NeedsPerson(f"{step.name}: {step.advice}")
    say(f"  {'would ' if dry else ''}{'make' if state is State.MISSING else 'change'}  {step.name}")
    for told in commands:
        say(f"      {told.shown()}")
        if not dry:
            cloud.do(told)
    if not dry:
        _await(step, cloud, pause)
    return True


def _await(step: Step, cloud: Cloud, pause: Callable[[float], None]) -> None:
    """Google shows some changes late."""
    for _ in range(LOOKS):
        if step.state(cloud.look(step.look)) is State.DONE:
            return
        pause(PAUSE_SECONDS)
    raise CloudFailed(
        f"{step.name}: Google took it, but it is not there after {LOOKS * PAUSE_SECONDS:.0f} s. Run again."
    )


def listed(name: str, key: str = "name") -> Callable[[Any], State]:
    """Done when a listed item's `key` is `name` or ends in /name."""
    return judged(name, lambda _: True, key)


def judged(name: str, well: Callable[[Any], bool], key: str = "name") -> Callable[[Any], State]:
    """As `listed`, and `well` says whether that item is as wanted."""

    def state(found: Any) -> State:
        item = next((i for i in found or () if i.get(key) == name or str(i.get(key)).endswith(f"/{name}")), None)
        if item is None:
            return State.MISSING
        return State.DONE if well(item) else State.DIFFERENT

    return state


def when(done: Callable[[Any], bool]) -> Callable[[Any], State]:
    """Done or missing; nothing there is missing."""
    return lambda found: State.DONE if found is not None and done(found) else State.MISSING


def bound(member: str, role: str) -> Callable[[Any], State]:
    """Whether an IAM policy gives the member the role, without a condition."""

    def done(policy: Any) -> bool:
        return any(
            b.get("role") == role and member in b.get("members", ()) and not b.get("condition")
            for b in policy.get("bindings", ())
        )

    return when(done)


def within(wanted: Any, found: Any) -> bool:
    """Everything wanted is in what was found; more may be there."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(name in found and within(v, found[name]) for name, v in wanted.items())
    if isinstance(wanted, list):
        return (
            isinstance(found, list)
            and len(wanted) == len(found)
            and all(within(w, f) for w, f in zip(wanted, found, strict=True))
        )
    return bool(wanted == found)
