"""The telephony host: its network, address, release and machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deploy.cloud import command
from deploy.project import Project
from deploy.render import Release
from deploy.step import Step, judged, listed, when

NETWORK, SUBNET, RANGE = "cticontrol", "telephony", "10.20.0.0/24"
MACHINE, ADDRESS = "telephony", "telephony"
STARTUP = Path(__file__).parent / "host" / "startup.sh"
UDP_PORTS = "20000-39999"
IAP_RANGE = "35.235.240.0/20"
# Name, what is let in, from where, why.
DOORS = (
    ("telephony-web", ("tcp:80", "tcp:443"), "0.0.0.0/0", "the webphone's socket, the add-on, Caddy's certificate"),
    ("telephony-media", (f"udp:{UDP_PORTS}",), "0.0.0.0/0", "SIP, RTP and WebRTC"),
    ("telephony-ssh", ("tcp:22",), IAP_RANGE, "administrators through Identity-Aware Proxy"),
)


def network(project: Project) -> Iterator[Step]:
    """A network of its own, closed but for DOORS, and an address that stays."""
    yield Step(
        f"network {NETWORK}",
        ("compute", "networks", "list"),
        listed(NETWORK),
        (command("compute", "networks", "create", NETWORK, "--subnet-mode=custom"),),
    )
    yield Step(
        f"subnet {SUBNET}",
        ("compute", "networks", "subnets", "list", f"--regions={project.region}"),
        listed(SUBNET),
        (
            command(
                *("compute", "networks", "subnets", "create", SUBNET, f"--network={NETWORK}"),
                *(f"--region={project.region}", f"--range={RANGE}", "--enable-private-ip-google-access"),
            ),
        ),
    )
    for name, allowed, source, why in DOORS:
        yield _door(project, name, allowed, source, why)
    place = f"--region={project.region}"
    yield Step(
        "address of the telephony host",
        ("compute", "addresses", "list", f"--regions={project.region}"),
        listed(ADDRESS),
        (command("compute", "addresses", "create", ADDRESS, place),),
    )


def _door(project: Project, name: str, allowed: tuple[str, ...], source: str, why: str) -> Step:
    def well(rule: Any) -> bool:
        open_ = {f"{a['IPProtocol']}:{port}" for a in rule.get("allowed", ()) for port in a.get("ports", ())}
        return open_ == set(allowed) and rule.get("sourceRanges") == [source] and not rule.get("disabled")

    let = (f"--allow={','.join(allowed)}", f"--source-ranges={source}", f"--description={why}")
    target = f"--target-service-accounts={project.account('telephony')}"
    return Step(
        f"firewall rule {name}",
        ("compute", "firewall-rules", "list"),
        judged(name, well),
        (
            command(
                *("compute", "firewall-rules", "create", name, f"--network={NETWORK}", "--direction=INGRESS"),
                *(*let, target),
            ),
        ),
        (command("compute", "firewall-rules", "update", name, *let, "--no-disabled"),),
    )


def release(project: Project, packed: Release) -> Step:
    """The release's archive, in the bucket that only the host reads."""
    target = f"gs://{project.releases_bucket}/{packed.file.name}"
    return Step(
        f"release {packed.file.name}",
        ("storage", "objects", "list", target),
        when(bool),
        (command("storage", "cp", str(packed.file), target, "--no-clobber"),),
    )


def machine(project: Project, packed: Release, base_url: str, keys_version: str) -> Step:
    """The host itself. A changed release is noted for its next start: a restart ends calls and is for a person."""
    told = {
        "release": packed.file.name,
        "release-sha256": packed.sha256,
        "releases-bucket": project.releases_bucket,
        "addon-url": base_url,
        "phone-host": project.phone_host,
        "pbx-networks": " ".join(project.pbx_networks.replace(",", " ").split()),
        "keys-version": keys_version,
        "enable-oslogin": "TRUE",
        "block-project-ssh-keys": "TRUE",
    }
    place = f"--zone={project.zone}"
    metadata = (
        f"--metadata={','.join(f'{k}={v}' for k, v in told.items())}",
        f"--metadata-from-file=startup-script={STARTUP}",
    )
    wanted = {**told, "startup-script": STARTUP.read_text(encoding="utf-8").strip()}

    def well(found: Any) -> bool:
        items = {i["key"]: str(i.get("value", "")).strip() for i in found.get("metadata", {}).get("items", ())}
        return all(items.get(name) == value for name, value in wanted.items())

    return Step(
        f"machine {MACHINE}",
        ("compute", "instances", "list", f"--zones={project.zone}"),
        judged(MACHINE, well),
        (
            command(
                *("compute", "instances", "create", MACHINE, place, f"--machine-type={project.machine_type}"),
                *("--image-family=debian-12", "--image-project=debian-cloud", "--boot-disk-size=20GB"),
                "--create-disk=name=telephony-data,device-name=data,size=20GB,type=pd-balanced,auto-delete=no",
                *(f"--network-interface=subnet={SUBNET},address={ADDRESS}",),
                *(f"--service-account={project.account('telephony')}", "--scopes=cloud-platform"),
                *("--shielded-secure-boot", "--shielded-vtpm", "--shielded-integrity-monitoring"),
                *("--deletion-protection", "--maintenance-policy=MIGRATE", *metadata),
            ),
        ),
        (command("compute", "instances", "add-metadata", MACHINE, place, *metadata),),
    )


def address_of(found: Any) -> str:
    """The host's address, once it is there."""
    return next((str(a["address"]) for a in found or () if a.get("name") == ADDRESS), "")
