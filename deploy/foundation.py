"""The first steps: Google's services, the key that wraps everything, accounts and secrets."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from deploy.accounts import ACCOUNTS, GRANTS, Grant
from deploy.cloud import Cloud, command
from deploy.project import Project
from deploy.step import NeedsPerson, Step, bound, listed, when

SERVICES = (
    "appengine.googleapis.com", "artifactregistry.googleapis.com", "cloudbuild.googleapis.com", "cloudkms.googleapis.com",
    "cloudscheduler.googleapis.com", "cloudtasks.googleapis.com", "compute.googleapis.com", "firestore.googleapis.com",
    "gmail.googleapis.com", "gsuiteaddons.googleapis.com", "iam.googleapis.com", "iap.googleapis.com",
    "people.googleapis.com", "secretmanager.googleapis.com", "storage.googleapis.com",
)  # fmt: skip
PURPOSES = ("addon-to-telephony", "telephony-to-addon", "tickets", "web", "lines")
TELEPHONY_PURPOSES = ("addon-to-telephony", "telephony-to-addon", "tickets", "lines")
SECRETS = ("addon-keys", "telephony-keys", "web-client")
KMS_ROLE = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
ROTATION_DAYS = 90


def services() -> Step:
    """Google's services, switched on."""
    return Step(
        "Google's services",
        ("services", "list", "--enabled"),
        when(lambda found: set(SERVICES) <= {service["config"]["name"] for service in found}),
        (command("services", "enable", *SERVICES),),
    )


def kms(project: Project, number: str, now: datetime) -> Iterator[Step]:
    """A key of ours wraps secrets and recordings; only Google's storage and secret services may use it."""
    place = (f"--location={project.region}",)
    ring = (*place, "--keyring=cticontrol")
    yield Step(
        "key ring",
        ("kms", "keyrings", "list", *place),
        listed("cticontrol"),
        (command("kms", "keyrings", "create", "cticontrol", *place),),
    )
    turn = f"{now + timedelta(days=ROTATION_DAYS):%Y-%m-%dT%H:%M:%SZ}"
    yield Step(
        "key",
        ("kms", "keys", "list", *ring),
        listed("data"),
        (
            command(
                *("kms", "keys", "create", "data", *ring, "--purpose=encryption"),
                *(f"--rotation-period={ROTATION_DAYS}d", f"--next-rotation-time={turn}"),
            ),
        ),
    )
    policy = ("kms", "keys", "get-iam-policy", "data", *ring)
    storage = f"serviceAccount:service-{number}@gs-project-accounts.iam.gserviceaccount.com"
    yield Step(
        "the storage service may use the key",
        policy,
        bound(storage, KMS_ROLE),
        (command("storage", "service-agent", f"--authorize-cmek={project.kms_key}"),),
    )
    agent = f"serviceAccount:service-{number}@gcp-sa-secretmanager.iam.gserviceaccount.com"
    grant = ("kms", "keys", "add-iam-policy-binding", "data", *ring, f"--member={agent}", f"--role={KMS_ROLE}")
    yield Step(
        "the secret service may use the key",
        policy,
        bound(agent, KMS_ROLE),
        (
            command("beta", "services", "identity", "create", "--service=secretmanager.googleapis.com"),
            command(*grant),
        ),
    )


def accounts(project: Project) -> Iterator[Step]:
    """One account for each part."""
    for part, title in ACCOUNTS.items():
        yield Step(
            f"account of {part}",
            ("iam", "service-accounts", "list"),
            listed(project.account(part), "email"),
            (command("iam", "service-accounts", "create", f"cticontrol-{part}", f"--display-name={title}"),),
        )


def new_keys() -> bytes:
    """Random keys for every purpose, as KEYS_FILE holds them."""
    keys = {purpose: {"k1": base64.b64encode(secrets.token_bytes(32)).decode()} for purpose in PURPOSES}
    return json.dumps(keys).encode()


def telephony_keys(addon_keys: str) -> bytes:
    """Those that the telephony host needs, of the add-on's."""
    keys: dict[str, Any] = json.loads(addon_keys)
    return json.dumps({purpose: keys[purpose] for purpose in TELEPHONY_PURPOSES}).encode()


def secrets_steps(project: Project, cloud: Cloud, client_secret: Callable[[], str]) -> Iterator[Step]:
    """Secrets, wrapped with our key, in one region; what they hold goes by standard input."""
    wrapped = {"location": project.region, "customerManagedEncryption": {"kmsKeyName": project.kms_key}}
    policy = json.dumps({"userManaged": {"replicas": [wrapped]}}).encode()

    def shared() -> bytes:
        return telephony_keys(cloud.read(("secrets", "versions", "access", "latest", "--secret=addon-keys")))

    def typed() -> bytes:
        found = client_secret().strip()
        if not found:
            raise NeedsPerson(
                "value of web-client: make a web client (docs/DEPLOY.md, step 4), then run "
                "`deploy/apply --web-client-secret-file FILE` once"
            )
        return found.encode()

    for name, held in zip(SECRETS, (new_keys, shared, typed), strict=True):
        create = ("secrets", "create", name, "--replication-policy-file=-")
        yield Step(f"secret {name}", ("secrets", "list"), listed(name), (command(*create, typed=lambda: policy),))
        yield Step(
            f"value of {name}",
            ("secrets", "versions", "list", name),
            when(lambda found: any(version.get("state") == "ENABLED" for version in found)),
            (command("secrets", "versions", "add", name, "--data-file=-", typed=held),),
        )


def newest(found: Any) -> str:
    """The full name of the newest version that is on."""
    numbers = [v["name"] for v in found or () if v.get("state") == "ENABLED"]
    return max(numbers, key=lambda name: int(name.rsplit("/", 1)[1])) if numbers else ""


def _thing(project: Project, on: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words of a thing's policy commands, and what follows them."""
    kind, _, name = on.partition(":")
    buckets = {"recordings": project.recordings_bucket, "releases": project.releases_bucket}
    if kind == "project":
        return ("projects",), (project.project,)
    if kind == "bucket":
        return ("storage", "buckets"), (f"gs://{buckets.get(name, f'staging.{project.project}.appspot.com')}",)
    if kind == "queue":
        return ("tasks", "queues"), (name, f"--location={project.region}")
    if kind == "account":
        return ("iam", "service-accounts"), (project.account(name),)
    return ("secrets",), (name,)


def grant_step(project: Project, grant: Grant) -> Step:
    """One role of one account on one thing."""
    group, thing = _thing(project, grant.on)
    member = f"serviceAccount:{project.account(grant.part)}"
    condition = ("--condition=None",) if group in {("projects",), ("iam", "service-accounts"), ("secrets",)} else ()
    add = (*group, "add-iam-policy-binding", *thing, f"--member={member}", f"--role={grant.role}", *condition)
    return Step(
        f"{grant.part} has {grant.role.removeprefix('roles/')} on {grant.on}: {grant.why}",
        (*group, "get-iam-policy", *thing),
        bound(member, grant.role),
        (command(*add),),
    )


def grants(project: Project) -> Iterator[Step]:
    """Every role of accounts.GRANTS."""
    for grant in GRANTS:
        yield grant_step(project, grant)
