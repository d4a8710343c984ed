"""Sample messages on disk and their shape in the Gmail API (users.messages resource)."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import parseaddr, parsedate_to_datetime
from pathlib import Path
from typing import Any

MAILS = Path(__file__).parent / "mails"


@dataclass(frozen=True, slots=True)
class Mail:
    """One sample message; `id` is the form that events carry."""

    id: str
    thread: str
    mime: EmailMessage

    def summary(self) -> dict[str, Any]:
        """What the mail list shows."""
        name, email = parseaddr(str(self.mime["From"]))
        snippet = " ".join(self.text().split())[:140]
        when = parsedate_to_datetime(str(self.mime["Date"])).isoformat()
        row = {"id": self.id, "name": name or email, "email": email, "to": str(self.mime["To"])}
        return row | {"subject": str(self.mime["Subject"]), "snippet": snippet, "date": when, "html": self.html() != ""}

    def text(self) -> str:
        """The plain part, "" when there is none."""
        part = self.mime.get_body(("plain",))
        return str(part.get_content()) if part is not None else ""

    def html(self) -> str:
        """The HTML part, "" when there is none."""
        part = self.mime.get_body(("html",))
        return str(part.get_content()) if part is not None else ""


def load_mails(folder: Path = MAILS) -> dict[str, Mail]:
    """All samples by id, in the order of their file names."""
    found: dict[str, Mail] = {}
    for number, path in enumerate(sorted(folder.glob("*.eml"))):
        mime = BytesParser(policy=policy.default).parsebytes(path.read_bytes())
        assert isinstance(mime, EmailMessage)
        mail = Mail(f"msg-f:18{number:014d}", f"thread-f:18{number:014d}", mime)
        found[mail.id] = mail
    return found


def _part(mime: EmailMessage, number: str, *, full: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "partId": number,
        "mimeType": mime.get_content_type(),
        "filename": mime.get_filename() or "",
        "headers": [{"name": name, "value": str(value)} for name, value in mime.items()],
    }
    if not full:
        return shown
    if mime.is_multipart():
        parts = [p for p in mime.iter_parts() if isinstance(p, EmailMessage)]
        prefix = number + "." if number else ""
        nested = [_part(p, f"{prefix}{index}", full=True) for index, p in enumerate(parts)]
        return shown | {"body": {"size": 0}, "parts": nested}
    content = mime.get_content()
    data = content.encode() if isinstance(content, str) else bytes(content)
    return shown | {"body": {"size": len(data), "data": base64.urlsafe_b64encode(data).decode()}}


def gmail_resource(mail: Mail, *, full: bool) -> dict[str, Any]:
    """The message as users.messages.get answers it for format full or metadata."""
    return {
        "id": mail.id.split(":")[1],
        "threadId": mail.thread.split(":")[1],
        "labelIds": ["INBOX"],
        "snippet": mail.summary()["snippet"],
        "sizeEstimate": len(mail.mime.as_bytes()),
        "payload": _part(mail.mime, "", full=full),
    }
