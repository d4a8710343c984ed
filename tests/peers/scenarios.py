"""sipp scenarios: a PBX that is called (uas) or calls (uac), written as text so that their headers stay alike."""

from __future__ import annotations

ALLOW = "INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK, UPDATE, INFO, REFER, NOTIFY"
CONTACT = "Contact: <sip:peer@[local_ip]:[local_port]>"
RINGING, TRYING = "180 Ringing", "100 Trying"
KEEP = (
    '\n<action><ereg regexp=".*" search_in="hdr" header="From:" assign_to="caller"/>'
    '<ereg regexp=".*" search_in="hdr" header="Via:" assign_to="via"/>'
    '<ereg regexp="[0-9]+ INVITE" search_in="hdr" header="CSeq:" assign_to="cseq"/></action>\n'
)
PROVISIONALS = "".join(f'<recv response="{status}" optional="true"/>\n' for status in (100, 180, 183))
ANSWERED = '<recv response="200" rtd="true" rrs="true"/>\n'


def sdp(port: int, direction: str = "sendrecv", version: int = 1) -> str:
    """A description whose media is at `port`, where somebody else listens."""
    return f"""
v=0
o=peer 53655765 {version} IN IP4 [local_ip]
s=-
c=IN IP4 [local_ip]
t=0 0
m=audio {port} RTP/AVP 0 8 101
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=ptime:20
a={direction}
"""


def _send(lines: list[str], body: str = "", *, repeats: bool = False) -> str:
    if body and not any(line.startswith("Content-Type") for line in lines):
        lines.append("Content-Type: application/sdp")
    text = "\n".join([*lines, "Content-Length: [len]"])
    again = ' retrans="500"' if repeats else ""
    return f"<send{again}><![CDATA[\n{text}\n{body or chr(10)}]]></send>\n"


def answer(status: str, *more: str, tag: str = "A[call_number]", body: str = "", saved: bool = False) -> str:
    """A response to the request that came last, or to the INVITE of `KEEP`; a final one is repeated until the ACK."""
    to = f"[last_To:];tag={tag}" if tag else "[last_To:]"
    where = ["Via: [$via]", "[last_From:]", to, "[last_Call-ID:]", "CSeq: [$cseq]"]
    usual = ["[last_Via:]", "[last_From:]", to, "[last_Call-ID:]", "[last_CSeq:]"]
    lines = [
        f"SIP/2.0 {status}",
        *(where if saved else usual),
        "[last_Record-Route:]",
        CONTACT,
        f"Allow: {ALLOW}",
        *more,
    ]
    return _send(lines, body, repeats=status >= "2" and bool(tag))


def ok() -> str:
    """200 to a request inside the dialog."""
    return answer("200 OK", tag="")


def heard(method: str, *checks: tuple[str, str], keep: bool = False) -> str:
    """Wait for a request whose whole text matches each (name, pattern)."""
    inner = KEEP if keep else ""
    if checks:
        inner = "<action>" + "".join(
            f'<ereg regexp="{pattern}" search_in="msg" check_it="true" assign_to="{name}"/>' for name, pattern in checks
        ) + "</action>"  # fmt: skip
    names = ["caller", "via", "cseq"] if keep else [name for name, _ in checks]
    used = f'<Reference variables="{",".join(names)}"/>\n' if names else ""
    routes = ' rrs="true"' if keep else ""
    return f'<recv request="{method}"{routes}>{inner}</recv>\n{used}'


def got(status: int, *checks: tuple[str, str]) -> str:
    """Wait for a response; 100 may come before."""
    inner = "".join(
        f'<ereg regexp="{pattern}" search_in="msg" check_it="true" assign_to="{name}"/>' for name, pattern in checks
    )
    used = f'<Reference variables="{",".join(name for name, _ in checks)}"/>\n' if checks else ""
    action = f"<action>{inner}</action>" if checks else ""
    return f'<recv response="100" optional="true"/>\n<recv response="{status}">{action}</recv>\n{used}'


def pause(milliseconds: int) -> str:
    return f'<pause milliseconds="{milliseconds}"/>\n'


def from_callee(method: str, cseq: int, *more: str, body: str = "") -> str:
    """A request of the called side in the dialog with tag A."""
    lines = [
        f"{method} [next_url] SIP/2.0", "Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]", "[routes]",
        "From: <sip:peer@[local_ip]:[local_port]>;tag=A[call_number]", "To: [$caller]", "[last_Call-ID:]", f"CSeq: {cseq} {method}",
        "Max-Forwards: 70", CONTACT, *more,
    ]  # fmt: skip
    return _send(lines, body, repeats=method != "ACK")


def from_caller(method: str, cseq: int, *more: str, body: str = "") -> str:
    """A request of the calling side: the INVITE, or one in its dialog."""
    first = method in {"INVITE", "OPTIONS"} and cseq == 1
    target, tail = ("sip:[service]@[remote_ip]:[remote_port]", "") if first else ("[next_url]", "[peer_tag_param]")
    lines = [
        f"{method} {target} SIP/2.0", "Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]",
        'From: "Kusi Wayra" <sip:5551000@[local_ip]:[local_port]>;tag=C[call_number]',
        f"To: <sip:[service]@[remote_ip]:[remote_port]>{tail}", *([] if first else ["[routes]"]), "Call-ID: [call_id]",
        f"CSeq: {cseq} {method}", "Contact: <sip:5551000@[local_ip]:[local_port]>", "Max-Forwards: 70", *more,
    ]  # fmt: skip
    return _send(lines, body, repeats=method != "ACK")


CALLED = heard("INVITE", keep=True)
BYE = heard("BYE") + ok()


def up(port: int) -> str:
    """Answer and wait for the ACK."""
    return answer("200 OK", body=sdp(port)) + heard("ACK")


CHALLENGE = 'Digest realm="pbx.test", qop="auth", algorithm=MD5, nonce='
ASKS = ("proof", "Authorization: Digest")


def uas_early(port: int) -> str:
    """Media before the answer and after it."""
    return CALLED + answer("183 Session Progress", body=sdp(port)) + pause(2500) + up(port) + BYE


def uas_stale(port: int, user: str, password: str) -> str:
    """401, 401 with stale=true and another nonce, then the proof is checked."""
    check = f'<recv request="INVITE" rrs="true"><action><verifyauth assign_to="good" username="{user}" password="{password}"/></action></recv>\n'
    return (
        heard("INVITE") + answer("401 Unauthorized", f'WWW-Authenticate: {CHALLENGE}"old"', tag="c1") + heard("ACK")
        + heard("INVITE", ASKS) + answer("401 Unauthorized", f'WWW-Authenticate: {CHALLENGE}"new", stale=true', tag="c2") + heard("ACK")
        + check + '<nop hide="true" test="good" next="2"/>\n' + answer("403 Forbidden") + heard("ACK") + '<nop next="3"/>\n<label id="2"/>\n'
        + answer(RINGING) + up(port) + BYE + '<label id="3"/>\n'
    )  # fmt: skip


def uas_two_answers(port: int) -> str:
    """Two phones answer the forked call: the second is acknowledged and hung up, the first goes on."""
    other = answer("200 OK", body=sdp(port), tag="", saved=True).replace(
        "[last_To:]", "To: <sip:peer@[local_ip]>;tag=B[call_number]"
    )
    return (
        CALLED + answer(RINGING) + answer(RINGING, tag="B[call_number]")
        + answer("200 OK", body=sdp(port)) + heard("ACK", ("first", "To:.*tag=A")) + other + heard("ACK", ("second", "To:.*tag=B"))
        + heard("BYE", ("bye", "To:.*tag=B")) + ok() + heard("BYE", ("mine", "To:.*tag=A")) + ok()
    )  # fmt: skip


def uas_cancel_race(port: int) -> str:
    """Answers although the CANCEL came first: the answer is acknowledged and hung up."""
    return (
        CALLED
        + answer(RINGING)
        + heard("CANCEL")
        + ok()
        + answer("200 OK", body=sdp(port), saved=True)
        + heard("ACK")
        + BYE
    )


def uas_refuses(status: str) -> str:
    """Rings and then says no."""
    return CALLED + answer(RINGING) + answer(status) + heard("ACK")


def uas_cancelled() -> str:
    """CANCEL is obeyed: 200 to it, 487 to the INVITE."""
    return (
        CALLED + answer(RINGING) + heard("CANCEL") + ok() + answer("487 Request Terminated", saved=True) + heard("ACK")
    )


def uas_is_held(port: int) -> str:
    """Our caller holds and takes back: re-INVITE with sendonly, then sendrecv."""
    away, back = ("away", "a=sendonly"), ("back", "a=sendrecv")
    return (
        CALLED + up(port) + heard("INVITE", away) + answer("200 OK", body=sdp(port, "recvonly", 2), tag="").replace("<send>", '<send retrans="500">')
        + heard("ACK") + heard("INVITE", back) + answer("200 OK", body=sdp(port, "sendrecv", 3), tag="").replace("<send>", '<send retrans="500">')
        + heard("ACK") + BYE
    )  # fmt: skip


def uas_holds(port: int) -> str:
    """Puts the caller on hold with music, takes them back, hangs up."""
    mirror, back = ("mirror", "a=(recvonly|inactive)"), ("back", "a=sendrecv")
    return (
        CALLED + answer(RINGING) + up(port) + pause(1500)
        + from_callee("INVITE", 1, body=sdp(port, "sendonly", 2)) + got(200, mirror) + from_callee("ACK", 1) + pause(3000)
        + from_callee("INVITE", 2, body=sdp(port, "sendrecv", 3)) + got(200, back) + from_callee("ACK", 2) + pause(2000)
        + from_callee("BYE", 3) + got(200)
    )  # fmt: skip


def uas_moves(port: int, moved: int) -> str:
    """Lets us offer in a re-INVITE without SDP and answers in the ACK with another place for the media."""
    offered = ("offered", "m=audio")
    return (
        CALLED + up(port) + pause(1500) + from_callee("INVITE", 1) + got(200, offered) + from_callee("ACK", 1, body=sdp(moved, version=2))
        + pause(3000) + from_callee("BYE", 2) + got(200)
    )  # fmt: skip


def uas_odd_requests(port: int) -> str:
    """REFER, INFO, SUBSCRIBE, OPTIONS, an unknown method and a T.38 re-INVITE: each is answered and the call goes on."""
    fax = sdp(port, version=2).replace(f"m=audio {port} RTP/AVP 0 8 101", f"m=image {port} udptl t38")
    refer = ("Refer-To: <sip:9001@127.0.0.1:9>", "Referred-By: <sip:peer@127.0.0.1>")
    return (
        CALLED + up(port) + pause(200)
        + from_callee("REFER", 1, *refer) + got(603)
        + from_callee("INFO", 2, "Content-Type: application/dtmf-relay", body="\nSignal=5\nDuration=160\n") + got(200)
        + from_callee("SUBSCRIBE", 3, "Event: dialog") + got(489)
        + from_callee("OPTIONS", 4) + got(200, ("allow", "Allow: .*INVITE"))
        + from_callee("FROB", 5) + got(501)
        + from_callee("INVITE", 6, body=fax) + got(488) + from_callee("ACK", 6).replace("branch=[branch]", "branch=[branch-2]")
        + from_callee("BYE", 7) + got(200)
    )  # fmt: skip


def uac(port: int, milliseconds: int) -> str:
    """Calls, talks for a while, hangs up."""
    return (
        from_caller("INVITE", 1, body=sdp(port)) + PROVISIONALS + ANSWERED + from_caller("ACK", 1) + pause(milliseconds)
        + from_caller("BYE", 2) + got(200)
    )  # fmt: skip


def uac_late_offer(port: int, milliseconds: int) -> str:
    """An INVITE without SDP: the offer comes in the 200, the answer in the ACK."""
    offer = '><action><ereg regexp="m=audio" search_in="msg" check_it="true" assign_to="offer"/></action></recv>'
    return (
        from_caller("INVITE", 1) + PROVISIONALS + ANSWERED.replace("/>", offer) + '<Reference variables="offer"/>\n'
        + from_caller("ACK", 1, body=sdp(port)) + pause(milliseconds) + from_caller("BYE", 2) + got(200)
    )  # fmt: skip


def uac_is_announced(port: int) -> str:
    """Nobody answers: the PBX hears why and is hung up on."""
    return from_caller("INVITE", 1, body=sdp(port)) + PROVISIONALS + ANSWERED + from_caller("ACK", 1) + BYE


def uac_gives_up(port: int, milliseconds: int) -> str:
    """CANCEL after a while of ringing."""
    same = [
        "[last_Via:]",
        "[last_From:]",
        "To: <sip:[service]@[remote_ip]:[remote_port]>",
        "[last_Call-ID:]",
        "CSeq: 1 CANCEL",
        "Max-Forwards: 70",
    ]
    cancel = _send(["CANCEL sip:[service]@[remote_ip]:[remote_port] SIP/2.0", *same], repeats=True)
    return (
        from_caller("INVITE", 1, body=sdp(port)) + '<recv response="100" optional="true"/>\n<recv response="180"/>\n' + pause(milliseconds)
        + cancel + '<recv response="200"/>\n<recv response="487"/>\n' + _ack_of_refusal()
    )  # fmt: skip


def uac_is_refused(port: int, status: int, *more: str, name: str = "") -> str:
    """An INVITE that must be refused; `name` is what the refusal has to mention."""
    checks = [("mentions", name)] if name else []
    return from_caller("INVITE", 1, *more, body=sdp(port)) + got(status, *checks) + _ack_of_refusal()


def _ack_of_refusal() -> str:
    return _send(
        ["ACK sip:[service]@[remote_ip]:[remote_port] SIP/2.0", "[last_Via:]", "[last_From:]", "[last_To:]", "[last_Call-ID:]", "CSeq: 1 ACK", "Max-Forwards: 70"]
    )  # fmt: skip


def uac_options() -> str:
    """A PBX that asks whether we are alive."""
    return from_caller("OPTIONS", 1) + got(200, ("allow", "Allow: .*INVITE"))


def document(name: str, steps: str) -> str:
    """The scenario file."""
    return f'<?xml version="1.0" encoding="ISO-8859-1"?>\n<!DOCTYPE scenario SYSTEM "sipp.dtd">\n<scenario name="{name}">\n{steps}</scenario>\n'
