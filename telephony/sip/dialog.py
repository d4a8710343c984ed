"""Dialogs (RFC 3261 section 12): values that say how the next request looks."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, replace
from typing import Any

from telephony.errors import ParseError
from telephony.sip.message import Message

_TAG = re.compile(r";\s*tag=[^;>]*", re.IGNORECASE)


def without_tag(value: str) -> str:
    """A From or To value without its tag."""
    head, angle, rest = value.rpartition(">")
    return head + angle + _TAG.sub("", rest)


@dataclass(frozen=True, slots=True)
class Dialog:
    """One side's view: `local` and `remote` are From and To values without tags; `target` is where requests go."""

    call_id: str
    local: str
    local_tag: str
    remote: str
    remote_tag: str
    target: str
    routes: tuple[str, ...] = ()
    local_cseq: int = 0
    remote_cseq: int = 0

    @classmethod
    def of_response(cls, request: Message, response: Message) -> Dialog:
        """The caller's dialog from a response with a To tag (section 12.1.2)."""
        contact = response.contact
        return cls(
            request.call_id, without_tag(request.get("From")), request.sender.tag, without_tag(response.get("To")),
            response.receiver.tag, contact.uri.text if contact else request.uri,
            tuple(reversed(response.all("Record-Route"))), request.cseq[0],
        )  # fmt: skip

    @classmethod
    def of_request(cls, request: Message, local_tag: str) -> Dialog:
        """The callee's dialog from an INVITE (section 12.1.1); raises ParseError without a Contact."""
        contact = request.contact
        if contact is None:
            raise ParseError("an INVITE without Contact")
        return cls(
            request.call_id, without_tag(request.get("To")), local_tag, without_tag(request.get("From")),
            request.sender.tag, contact.uri.text, tuple(request.all("Record-Route")), 0, request.cseq[0],
        )  # fmt: skip

    def next(self, method: str, contact: str) -> tuple[Dialog, Message]:
        """The next request and the dialog after it."""
        sent = replace(self, local_cseq=self.local_cseq + 1)
        return sent, sent.request(method, sent.local_cseq, contact)

    def request(self, method: str, cseq: int, contact: str) -> Message:
        """A request in this dialog with a given CSeq (ACK repeats the INVITE's)."""
        to = f"{self.remote};tag={self.remote_tag}" if self.remote_tag else self.remote
        headers = [("Route", route) for route in self.routes]
        headers += [("Max-Forwards", "70"), ("From", f"{self.local};tag={self.local_tag}"), ("To", to)]
        headers += [("Call-ID", self.call_id), ("CSeq", f"{cseq} {method}")]
        if method in {"INVITE", "UPDATE"}:
            headers.append(("Contact", contact))
        return Message(method=method, uri=self.target, headers=tuple(headers))

    def accepts(self, request: Message) -> bool:
        """Whether an in-dialog request is of this dialog and newer than the last."""
        tags = request.sender.tag == self.remote_tag and request.receiver.tag == self.local_tag
        return tags and request.call_id == self.call_id and request.cseq[0] > self.remote_cseq

    def retargeted(self, message: Message) -> Dialog:
        """After a target refresh (section 12.2)."""
        contact = message.contact
        return replace(self, target=contact.uri.text) if contact else self

    def to_json(self) -> dict[str, Any]:
        """What a restart needs to say BYE."""
        return {**asdict(self), "routes": list(self.routes)}

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> Dialog:
        """The dialog behind `to_json`."""
        fields = {k: v for k, v in raw.items() if k in cls.__dataclass_fields__}
        return cls(**{**fields, "routes": tuple(fields["routes"])})
