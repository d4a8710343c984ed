"""The whole add-on on one screen: which trigger and which click leads where."""

from __future__ import annotations

from collections.abc import Callable

from addon.handlers import blocks, calls, home, people, permissions
from addon.handlers.request import Request
from cards.reply import Push, Reply, Update
from cards.surface import Action, Trigger

Handler = Callable[[Request], Reply]

TRIGGERS: dict[Trigger, Handler] = {
    Trigger.GMAIL_HOMEPAGE: home.opened,
    Trigger.GMAIL_MESSAGE: people.message_opened,
    Trigger.GMAIL_COMPOSE: home.compose,
}

ACTIONS: dict[Action, Handler] = {
    Action.PLACE_CALL: calls.place,
    Action.OPEN_PHONE: calls.open_phone,
    Action.OPEN_SETTINGS: home.open_settings,
    Action.OPEN_RECORDING: calls.open_recording,
    Action.HANG_UP: calls.hang_up,
    Action.FOLLOW_CALL: calls.follow,
    Action.CHOOSE_DEVICE: home.choose_device,
    Action.SHOW_PERSON: people.show_person,
    Action.SHOW_RECENT: calls.recent,
    Action.SHOW_CALL: calls.show_call,
    Action.SHOW_RECORDING: calls.show_recording,
    Action.ASK_DELETE_RECORDING: calls.ask_delete,
    Action.DELETE_RECORDING: calls.delete,
    Action.SHOW_CONSENT: calls.show_consent,
    Action.GRANT_CONSENT: calls.grant,
    Action.REFUSE_CONSENT: calls.refuse,
    Action.WITHDRAW_CONSENT: calls.withdraw,
    Action.SHOW_SETTINGS: home.show_settings,
    Action.SAVE_SETTINGS: home.save,
    Action.SHOW_MY_DATA: home.my_data,
    Action.SHOW_ADD_CONTACT: people.show_add_contact,
    Action.ADD_CONTACT: people.add_contact,
    Action.INSERT_NUMBERS: home.insert_numbers,
    Action.REFRESH: home.refresh,
    Action.ASK_PERMISSION: permissions.ask,
    Action.BLOCK_NUMBER: blocks.block,
    Action.UNBLOCK_NUMBER: blocks.unblock,
}

# A click of these carries a nonce that is spent once.
EFFECTS = frozenset(
    {
        Action.PLACE_CALL,
        Action.CHOOSE_DEVICE,
        Action.DELETE_RECORDING,
        Action.GRANT_CONSENT,
        Action.REFUSE_CONSENT,
        Action.WITHDRAW_CONSENT,
        Action.SAVE_SETTINGS,
        Action.ADD_CONTACT,
        Action.BLOCK_NUMBER,
        Action.UNBLOCK_NUMBER,
    }
)


# What is shown again when such a click came too late or twice; anything else shows the card it was opened from.
SHOWN_AGAIN: dict[Action, Handler] = {
    Action.CHOOSE_DEVICE: home.opened,
    Action.DELETE_RECORDING: calls.ask_delete,
    Action.GRANT_CONSENT: calls.show_consent,
    Action.REFUSE_CONSENT: calls.show_consent,
    Action.WITHDRAW_CONSENT: home.show_settings,
    Action.SAVE_SETTINGS: home.show_settings,
    Action.ADD_CONTACT: people.show_add_contact,
    Action.BLOCK_NUMBER: blocks.shown,
    Action.UNBLOCK_NUMBER: blocks.shown,
}


def shown_again(action: Action, request: Request, notice: str) -> Reply:
    """The card of an old click as things are now, with the reason."""
    beginning = people.message_opened if request.event.message_id else home.opened
    reply = SHOWN_AGAIN.get(action, beginning)(request)
    return Update(reply.card, notice) if isinstance(reply, Push) else reply


def dispatch(what: Trigger | Action, request: Request) -> Reply:
    """The handler's answer."""
    handler = TRIGGERS[what] if isinstance(what, Trigger) else ACTIONS[what]
    return handler(request)
