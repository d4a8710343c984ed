"""Janus and rtpengine from Debian's packages on 127.0.0.1, and the network namespace that Janus needs.

Janus takes no loopback interface for ICE. In a namespace of our own a veth carries 127.9.9.9, `no_unicast_if.c` lets
libnice use a loopback address on it, and packets still travel inside the kernel only.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from bench.load.engine import built

JANUS_PORT, NG_PORT = 8188, 22222
_INSIDE = "--inside"
_SHIM = Path(__file__).with_name("no_unicast_if.c")
_NETWORK = """
ip link set lo up
ip link add d0 type veth peer name d1
ip addr add 127.9.9.9/32 dev d0
ip link set d0 up
ip link set d1 up
for i in all d0; do echo 1 >/proc/sys/net/ipv4/conf/$i/route_localnet; done
"""
_MAIN = """general: {{ configs_folder = "{0}"; plugins_folder = "{1}/plugins"; transports_folder = "{1}/transports"; debug_level = 2; }}
media: {{ rtp_port_range = "20000-60000"; }}
nat: {{ ice_ignore_list = "vmnet"; full_trickle = false; ice_lite = false; }}
plugins: {{ disable = "libjanus_audiobridge.so,libjanus_duktape.so,libjanus_lua.so,libjanus_nosip.so,libjanus_recordplay.so,libjanus_streaming.so,libjanus_textroom.so,libjanus_videocall.so,libjanus_videoroom.so,libjanus_voicemail.so"; }}
transports: {{ disable = "libjanus_http.so,libjanus_mqtt.so,libjanus_nanomsg.so,libjanus_pfunix.so,libjanus_rabbitmq.so"; }}
"""
_DOOR = f'general: {{ json = "plain"; ws = true; ws_port = {JANUS_PORT}; ws_ip = "127.0.0.1"; wss = false; ws_logging = "err"; }}\n'
_SIP = (
    'general: { local_ip = "127.0.0.1"; sdp_ip = "127.0.0.1"; rtp_port_range = "10000-19999"; register_ttl = 3600; '
    "behind_nat = false; sips = false; }\n"
)


def enter_namespace() -> bool:
    """Start this program again in a network of its own; returns False where that cannot be, True when it is there."""
    if _INSIDE in sys.argv:
        sys.argv.remove(_INSIDE)
        return subprocess.run(["sh", "-ec", _NETWORK], capture_output=True, check=False).returncode == 0
    if not all(map(shutil.which, ("unshare", "ip", "janus"))):
        return False
    ways = [["unshare", "-n"]] if os.geteuid() == 0 else [["unshare", "-rn"]]
    for way in ways:
        if subprocess.run([*way, "true"], capture_output=True, check=False).returncode == 0:
            spec = sys.modules["__main__"].__spec__
            assert spec is not None
            os.execvp(way[0], [*way, sys.executable, "-m", spec.name, *sys.argv[1:], _INSIDE])
    return False


def janus_command(folder: Path) -> list[str]:
    """Janus with its SIP plugin and WebSocket door; its settings and log lie in the folder."""
    library = next(iter(Path("/usr/lib").glob("*/janus")), Path("/usr/lib/janus"))
    (folder / "janus.jcfg").write_text(_MAIN.format(folder, library))
    (folder / "janus.transport.websockets.jcfg").write_text(_DOOR)
    (folder / "janus.plugin.sip.jcfg").write_text(_SIP)
    shim = built(_SHIM, "-shared", "-fPIC", "-ldl")
    return ["env", f"LD_PRELOAD={shim}", "janus", "-F", str(folder), "-C", str(folder / "janus.jcfg")]


def rtpengine_command(_folder: Path) -> list[str]:
    """rtpengine in user space with one worker."""
    return [
        "rtpengine", "-f", "-E", "-L", "3", "-t", "-1", "-i", "127.0.0.1", "-n", f"127.0.0.1:{NG_PORT}",
        "-m", "20000", "-M", "60000", "--num-threads=1", "--dtls-cert-cipher=prime256v1",
    ]  # fmt: skip
