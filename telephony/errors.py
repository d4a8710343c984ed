"""TelephonyError > CarrierError (the trunk said no) | MediaError (no usable audio) | BadCommand (the add-on's mistake) | ParseError (hostile or broken bytes)."""

from __future__ import annotations


class TelephonyError(Exception):
    """Root of what telephony raises on purpose."""


class CarrierError(TelephonyError):
    """The PBX refused; `permanent` means that trying again cannot help."""

    def __init__(self, sip_status: int) -> None:
        super().__init__(f"SIP {sip_status}")
        self.sip_status = sip_status
        self.permanent = sip_status not in {408, 480, 503}


class MediaError(TelephonyError):
    """No usable audio between the parties."""


class BadCommand(TelephonyError):
    """The command makes no sense now; `reason` is one of CommandResult's."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ParseError(TelephonyError, ValueError):
    """Bytes from outside that cannot be read; the only error that parsers let out."""
