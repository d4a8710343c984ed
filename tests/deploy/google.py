"""Google Cloud as far as deploy/ asks: keeps what it is told, prints it as gcloud does, and can be cut anywhere."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from deploy.cloud import Done

NUMBER = "123456789012"
NOT_FOUND = Done(1, err="ERROR: (gcloud) NOT_FOUND: it does not exist")
Handler = Callable[["Google", list[str], dict[str, str], bytes], Any]


class Cut(Exception):
    """The line breaks."""


class Google:
    """A project; `state` is plain JSON. `cut_at` breaks the n-th change, before or after it took effect."""

    def __init__(self, state: dict[str, Any] | None = None) -> None:
        self.state: dict[str, Any] = state if state is not None else {}
        self.asked: list[tuple[str, ...]] = []
        self.changes: list[tuple[str, ...]] = []
        self.typed: list[bytes] = []
        self.cut_at = -1
        self.cut_after = False

    def __call__(self, words: Sequence[str], typed: bytes) -> Done:
        self.asked.append(tuple(words))
        if words[0] == "rest":
            return self._field(words[1], words[2], words[3] if len(words) > 3 else "")
        plain = [word for word in words if not word.startswith("--")]
        flags = _flags(words)
        if plain[0] not in {"projects", "auth"} and flags.get("project") != "acme-voice":
            return Done(1, err="ERROR: another project")
        for size in (5, 4, 3, 2):
            row = VERBS.get(tuple(plain[:size]))
            if row:
                changes, handler = row
                return self._answer(changes, handler, plain[size:], flags, words, typed)
        return Done(2, err=f"ERROR: (gcloud) Invalid choice: {' '.join(plain)}")

    def _answer(
        self,
        changes: bool,
        handler: Handler,
        names: list[str],
        flags: dict[str, str],
        words: Sequence[str],
        typed: bytes,
    ) -> Done:
        if changes:
            if self.cut_at == len(self.changes) and not self.cut_after:
                raise Cut
            self.changes.append(tuple(words))
            self.typed.append(typed)
        try:
            found = handler(self, names, flags, typed)
        except KeyError:
            return NOT_FOUND
        if changes and self.cut_after and self.cut_at == len(self.changes) - 1:
            raise Cut
        return Done(0, found if isinstance(found, str) else json.dumps(found))

    def _field(self, method: str, url: str, body: str) -> Done:
        fields = self.kind("fields")
        name = url.split("?")[0]
        if method == "GET":
            return Done(0, json.dumps(fields.get(name, {"name": name, "indexConfig": {"usesAncestorConfig": True}})))

        def patch(*_: Any) -> Any:
            config = json.loads(body)["indexConfig"]
            fields[name] = {"name": name, "indexConfig": config if config["indexes"] else {}}
            return {}

        return self._answer(True, patch, [], {}, ("rest", method, url, body), b"")

    def kind(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.state.setdefault(name, {})
        return found


def _flags(words: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for word in words:
        if word.startswith("--"):
            name, _, value = word[2:].partition("=")
            found[name] = f"{found[name]}\n{value}" if name in found else value
    return found


def _listing(kind: str) -> Handler:
    return lambda google, names, flags, typed: list(google.kind(kind).values())


def _making(kind: str, shape: Callable[[str, dict[str, str], bytes], dict[str, Any]]) -> Handler:
    def make(google: Google, names: list[str], flags: dict[str, str], typed: bytes) -> Any:
        name = names[0]
        if name in google.kind(kind):
            raise KeyError(name)
        google.kind(kind)[name] = shape(name, flags, typed)
        return {}

    return make


def _changing(kind: str, shape: Callable[[str, dict[str, str], bytes], dict[str, Any]]) -> Handler:
    def change(google: Google, names: list[str], flags: dict[str, str], typed: bytes) -> Any:
        google.kind(kind)[names[0]].update(shape(names[0], flags, typed))
        return {}

    return change


def _policy(google: Google, names: list[str], flags: dict[str, str], typed: bytes) -> Any:
    return google.kind("policies").get(names[0], {"etag": "x"})


def _bind(google: Google, names: list[str], flags: dict[str, str], typed: bytes) -> Any:
    policy = google.kind("policies").setdefault(names[0], {"bindings": []})
    policy["bindings"].append({"role": flags["role"], "members": [flags["member"]]})
    return policy


def _authorize(google: Google, names: list[str], flags: dict[str, str], typed: bytes) -> Any:
    member = f"serviceAccount:service-{NUMBER}@gs-project-accounts.iam.gserviceaccount.com"
    return _bind(google, ["data"], {"role": "roles/cloudkms.cryptoKeyEncrypterDecrypter", "member": member}, b"")


def _enable(google: Google, names: list[str], flags: dict[str, str], typed: bytes) -> Any:
    for name in names:
        google.kind("services")[name] = {"config": {"name": name}, "state": "ENABLED"}
    return {}


def _versions(google: Google, names: list[str], flags: dict[str, str], typed: bytes) -> Any:
    held = google.kind("secrets")[names[0]]["held"]
    base = f"projects/{NUMBER}/secrets/{names[0]}/versions"
    return [{"name": f"{base}/{n}", "state": "ENABLED"} for n in range(len(held), 0, -1)]


def _add_version(google: Google, names: list[str], flags: dict[str, str], typed: bytes) -> Any:
    google.kind("secrets")[names[0]]["held"].append(typed.decode())
    return {}


def _access(google: Google, names: list[str], flags: dict[str, str], typed: bytes) -> Any:
    held = google.kind("secrets")[flags["secret"]]["held"]
    if not held:
        raise KeyError
    return str(held[-1])


def _bucket(name: str, flags: dict[str, str], typed: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {"name": name.removeprefix("gs://")}
    found["iamConfiguration"] = {
        "publicAccessPrevention": "enforced" if "public-access-prevention" in flags else "inherited",
        "uniformBucketLevelAccess": {"enabled": "uniform-bucket-level-access" in flags},
    }
    off = flags.get("soft-delete-duration") == "0" or "clear-soft-delete" in flags
    found["softDeletePolicy"] = {"retentionDurationSeconds": "0" if off else "604800"}
    if "default-encryption-key" in flags:
        found["encryption"] = {"defaultKmsKeyName": flags["default-encryption-key"]}
    if "lifecycle-file" in flags:
        found["lifecycle"] = json.loads(Path(flags["lifecycle-file"]).read_text())
    if "no-versioning" in flags:
        found["versioning"] = {"enabled": False}
    return found


def _composite(google: Google, names: list[str], flags: dict[str, str], typed: bytes) -> Any:
    group = flags["collection-group"]
    fields = []
    for config in flags["field-config"].split("\n"):
        parts = dict(part.split("=") for part in config.split(","))
        fields.append({"fieldPath": parts["field-path"], "order": parts["order"].upper()})
    n = max(map(int, google.kind("composites")), default=-1) + 1
    name = f"projects/p/databases/(default)/collectionGroups/{group}/indexes/{n}"
    scope = flags["query-scope"].upper().replace("-", "_")
    google.kind("composites")[str(n)] = {
        "name": name, "queryScope": scope, "fields": [*fields, {"fieldPath": "__name__", "order": fields[-1]["order"]}],
    }  # fmt: skip
    return {}


def _database(google: Google, names: list[str], flags: dict[str, str], typed: bytes) -> Any:
    found = google.kind("databases").setdefault(flags["database"], {})
    found |= {"name": f"projects/p/databases/{flags['database']}"}
    if "delete-protection" in flags:
        found["deleteProtectionState"] = "DELETE_PROTECTION_ENABLED"
    if "enable-pitr" in flags:
        found["pointInTimeRecoveryEnablement"] = "POINT_IN_TIME_RECOVERY_ENABLED"
    return {}


def _backup(google: Google, names: list[str], flags: dict[str, str], typed: bytes) -> Any:
    google.kind("backups")["1"] = {"name": "b/1", "dailyRecurrence": {}}
    return {}


def _queue(name: str, flags: dict[str, str], typed: bytes) -> dict[str, Any]:
    retries = {
        "maxAttempts": int(flags["max-attempts"]), "minBackoff": flags["min-backoff"], "maxBackoff": flags["max-backoff"],
        "maxDoublings": int(flags["max-doublings"]),
    }  # fmt: skip
    return {"name": f"projects/p/locations/l/queues/{name}", "retryConfig": retries, "state": "RUNNING"}


def _job(name: str, flags: dict[str, str], typed: bytes) -> dict[str, Any]:
    token = {"serviceAccountEmail": flags["oidc-service-account-email"], "audience": flags["oidc-token-audience"]}
    target = {"uri": flags["uri"], "httpMethod": flags["http-method"], "oidcToken": token}
    return {"name": f"l/jobs/{name}", "schedule": flags["schedule"], "httpTarget": target}


def _running_job(name: str, flags: dict[str, str], typed: bytes) -> dict[str, Any]:
    return {**_job(name, flags, typed), "state": "ENABLED"}


def _rule(name: str, flags: dict[str, str], typed: bytes) -> dict[str, Any]:
    allowed = [{"IPProtocol": p, "ports": [port]} for p, port in (a.split(":") for a in flags["allow"].split(","))]
    return {"name": name, "allowed": allowed, "sourceRanges": flags["source-ranges"].split(","), "disabled": False}


def _machine(name: str, flags: dict[str, str], typed: bytes) -> dict[str, Any]:
    told = dict(item.split("=", 1) for item in flags["metadata"].split(","))
    key, file = flags["metadata-from-file"].split("=", 1)
    told[key] = Path(file).read_text()
    return {"name": name, "metadata": {"items": [{"key": k, "value": v} for k, v in told.items()]}}


def _objects(google: Google, names: list[str], flags: dict[str, str], typed: bytes) -> Any:
    found = google.kind("objects").get(names[0])
    return [found] if found else []


def _copy(google: Google, names: list[str], flags: dict[str, str], typed: bytes) -> Any:
    google.kind("objects")[names[1]] = {"name": names[1], "size": Path(names[0]).stat().st_size}
    return {}


def _app(google: Google, names: list[str], flags: dict[str, str], typed: bytes) -> Any:
    return google.state["app"]


def _app_create(google: Google, names: list[str], flags: dict[str, str], typed: bytes) -> Any:
    google.state["app"] = {"locationId": flags["region"], "defaultHostname": "acme-voice.uc.r.appspot.com"}
    return {}


def _deploy(google: Google, names: list[str], flags: dict[str, str], typed: bytes) -> Any:
    for version in google.kind("versions").values():
        version["traffic_split"] = 0.0
    google.kind("versions")[flags["version"]] = {
        "id": flags["version"], "traffic_split": 1.0, "app.yaml": Path(names[0]).read_text(),
    }  # fmt: skip
    return {}


def _deployment(name: str, flags: dict[str, str], typed: bytes) -> dict[str, Any]:
    given: dict[str, Any] = json.loads(Path(flags["deployment-file"]).read_text())
    return {**given, "name": f"projects/p/deployments/{name}", "etag": "e"}


def _named(prefix: str = "", key: str = "name") -> Callable[[str, dict[str, str], bytes], dict[str, Any]]:
    return lambda name, flags, typed: {key: prefix + name}


def _secret(name: str, flags: dict[str, str], typed: bytes) -> dict[str, Any]:
    return {"name": f"projects/{NUMBER}/secrets/{name}", "replication": json.loads(typed), "held": []}


READ, CHANGE = False, True
VERBS: dict[tuple[str, ...], tuple[bool, Handler]] = {
    ("services", "list"): (READ, _listing("services")),
    ("services", "enable"): (CHANGE, _enable),
    ("beta", "services", "identity", "create"): (CHANGE, lambda *_: {}),
    ("projects", "describe"): (READ, lambda *_: {"projectNumber": NUMBER}),
    ("kms", "keyrings", "list"): (READ, _listing("rings")),
    ("kms", "keyrings", "create"): (CHANGE, _making("rings", _named("p/keyRings/"))),
    ("kms", "keys", "list"): (READ, _listing("keys")),
    ("kms", "keys", "create"): (CHANGE, _making("keys", _named("p/cryptoKeys/"))),
    ("storage", "service-agent"): (CHANGE, _authorize),
    ("iam", "service-accounts", "list"): (READ, _listing("accounts")),
    ("iam", "service-accounts", "create"): (
        CHANGE,
        _making("accounts", lambda name, *_: {"email": f"{name}@acme-voice.iam.gserviceaccount.com"}),
    ),
    ("secrets", "list"): (READ, _listing("secrets")),
    ("secrets", "create"): (CHANGE, _making("secrets", _secret)),
    ("secrets", "versions", "list"): (READ, _versions),
    ("secrets", "versions", "add"): (CHANGE, _add_version),
    ("secrets", "versions", "access"): (READ, _access),
    ("firestore", "databases", "list"): (READ, _listing("databases")),
    ("firestore", "databases", "create"): (CHANGE, _database),
    ("firestore", "databases", "update"): (CHANGE, _database),
    ("firestore", "backups", "schedules", "list"): (READ, _listing("backups")),
    ("firestore", "backups", "schedules", "create"): (CHANGE, _backup),
    ("firestore", "indexes", "composite", "list"): (READ, _listing("composites")),
    ("firestore", "indexes", "composite", "create"): (CHANGE, _composite),
    ("storage", "buckets", "list"): (READ, _listing("buckets")),
    ("storage", "buckets", "create"): (CHANGE, _making("buckets", _bucket)),
    ("storage", "buckets", "update"): (CHANGE, _changing("buckets", _bucket)),
    ("storage", "objects", "list"): (READ, _objects),
    ("storage", "cp"): (CHANGE, _copy),
    ("tasks", "queues", "list"): (READ, _listing("queues")),
    ("tasks", "queues", "create"): (CHANGE, _making("queues", _queue)),
    ("tasks", "queues", "update"): (CHANGE, _changing("queues", _queue)),
    ("scheduler", "jobs", "list"): (READ, _listing("jobs")),
    ("scheduler", "jobs", "create", "http"): (CHANGE, _making("jobs", _running_job)),
    ("scheduler", "jobs", "update", "http"): (CHANGE, _changing("jobs", _job)),
    ("scheduler", "jobs", "resume"): (CHANGE, _changing("jobs", lambda *_: {"state": "ENABLED"})),
    ("compute", "networks", "list"): (READ, _listing("networks")),
    ("compute", "networks", "create"): (CHANGE, _making("networks", _named())),
    ("compute", "networks", "subnets", "list"): (READ, _listing("subnets")),
    ("compute", "networks", "subnets", "create"): (CHANGE, _making("subnets", _named())),
    ("compute", "firewall-rules", "list"): (READ, _listing("rules")),
    ("compute", "firewall-rules", "create"): (CHANGE, _making("rules", _rule)),
    ("compute", "firewall-rules", "update"): (CHANGE, _changing("rules", _rule)),
    ("compute", "addresses", "list"): (READ, _listing("addresses")),
    ("compute", "addresses", "create"): (
        CHANGE,
        _making("addresses", lambda name, *_: {"name": name, "address": "203.0.113.7"}),
    ),
    ("compute", "instances", "list"): (READ, _listing("machines")),
    ("compute", "instances", "create"): (CHANGE, _making("machines", _machine)),
    ("compute", "instances", "add-metadata"): (CHANGE, _changing("machines", _machine)),
    ("app", "describe"): (READ, _app),
    ("app", "create"): (CHANGE, _app_create),
    ("app", "versions", "list"): (READ, _listing("versions")),
    ("app", "deploy"): (CHANGE, _deploy),
    ("workspace-add-ons", "get-authorization"): (
        READ,
        lambda *_: {
            "serviceAccountEmail": "service-1@gcp-sa-gsuiteaddons.iam.gserviceaccount.com",
            "oauthClientId": "1.apps.googleusercontent.com",
        },
    ),
    ("workspace-add-ons", "deployments", "describe"): (
        READ,
        lambda google, names, *_: google.kind("deployments")[names[0]],
    ),
    ("workspace-add-ons", "deployments", "create"): (CHANGE, _making("deployments", _deployment)),
    ("workspace-add-ons", "deployments", "replace"): (CHANGE, _changing("deployments", _deployment)),
} | {
    (*group, f"{verb}-iam-policy{tail}"): row
    for group in (
        ("projects",), ("kms", "keys"), ("storage", "buckets"), ("tasks", "queues"), ("iam", "service-accounts"),
        ("secrets",),
    )
    for verb, tail, row in (("get", "", (READ, _policy)), ("add", "-binding", (CHANGE, _bind)))
}  # fmt: skip
