"""Where data lies: Firestore with its indexes and backups, the buckets, the queue."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from addon.adapters.cloud_tasks import RETRIES
from deploy.cloud import REST, command
from deploy.project import Project
from deploy.step import State, Step, judged, when, within

HERE = Path(__file__).parent
INDEXES = HERE / "firestore.indexes.json"
LIFECYCLE = HERE / "lifecycle.json"
DATABASE = "--database=(default)"
BACKUP_DAYS = 7
_API = "https://firestore.googleapis.com/v1"


def firestore(project: Project) -> Iterator[Step]:
    """The database: kept from being deleted, readable as it was in the last week, backed up each day."""
    guards = ("--delete-protection", "--enable-pitr")

    def guarded(found: Any) -> bool:
        return bool(
            found.get("deleteProtectionState") == "DELETE_PROTECTION_ENABLED"
            and found.get("pointInTimeRecoveryEnablement") == "POINT_IN_TIME_RECOVERY_ENABLED"
        )

    yield Step(
        "database",
        ("firestore", "databases", "list"),
        judged("(default)", guarded),
        (
            command(
                *("firestore", "databases", "create", DATABASE, f"--location={project.region}"),
                *("--type=firestore-native", *guards),
            ),
        ),
        (command("firestore", "databases", "update", DATABASE, *guards),),
    )
    yield Step(
        "daily backup",
        ("firestore", "backups", "schedules", "list", DATABASE),
        when(lambda found: any("dailyRecurrence" in schedule for schedule in found)),
        (
            command(
                *("firestore", "backups", "schedules", "create", DATABASE),
                *("--recurrence=daily", f"--retention={BACKUP_DAYS}d"),
            ),
        ),
    )


def indexes(project: Project) -> Iterator[Step]:
    """deploy/firestore.indexes.json. Field settings go over REST: gcloud cannot say the scope of a single-field index."""
    wanted = json.loads(INDEXES.read_text(encoding="utf-8"))
    for index in wanted["indexes"]:
        yield _composite(index)
    for override in wanted["fieldOverrides"]:
        yield _field(project, override)


def _composite(index: dict[str, Any]) -> Step:
    fields = [(field["fieldPath"], field["order"]) for field in index["fields"]]
    group, scope = index["collectionGroup"], index["queryScope"]

    def there(found: Any) -> bool:
        return any(
            f"/collectionGroups/{group}/" in i["name"]
            and i["queryScope"] == scope
            and [(f["fieldPath"], f.get("order")) for f in i["fields"] if f["fieldPath"] != "__name__"] == fields
            for i in found
        )

    configs = [f"--field-config=field-path={path},order={order.lower()}" for path, order in fields]
    return Step(
        f"index of {group} by {', '.join(path for path, _ in fields)}",
        ("firestore", "indexes", "composite", "list", DATABASE),
        when(there),
        (
            command(
                *("firestore", "indexes", "composite", "create", DATABASE, f"--collection-group={group}"),
                *(f"--query-scope={scope.lower().replace('_', '-')}", *configs),
            ),
        ),
    )


def _field(project: Project, override: dict[str, Any]) -> Step:
    group, path = override["collectionGroup"], override["fieldPath"]
    url = f"{_API}/projects/{project.project}/databases/(default)/collectionGroups/{group}/fields/{path}"
    wanted = [
        {"queryScope": i["queryScope"], "fields": [{"fieldPath": path, "order": i["order"]}]}
        for i in override["indexes"]
    ]

    def state(found: Any) -> State:
        config = (found or {}).get("indexConfig")
        own = config is not None and not config.get("usesAncestorConfig")
        there = {(i["queryScope"], i["fields"][0].get("order")) for i in (config or {}).get("indexes", ())}
        same = there == {(i["queryScope"], i["order"]) for i in override["indexes"]}
        return State.DONE if own and same else State.MISSING

    body = json.dumps({"indexConfig": {"indexes": wanted}})
    return Step(
        f"{'no automatic index' if not wanted else 'index'} of {group}.{path}",
        (REST, "GET", url),
        state,
        (command(REST, "PATCH", f"{url}?updateMask=indexConfig", body),),
    )


def buckets(project: Project) -> Iterator[Step]:
    """Recordings: deleted is deleted, wrapped with our key, never public. Releases: never public."""
    private = ("--uniform-bucket-level-access", "--public-access-prevention")
    key = f"--default-encryption-key={project.kms_key}"
    kept = {
        "softDeletePolicy": {"retentionDurationSeconds": "0"},
        "encryption": {"defaultKmsKeyName": project.kms_key},
        "lifecycle": json.loads(LIFECYCLE.read_text(encoding="utf-8")),
    }
    settings = {"--soft-delete-duration=0", f"--lifecycle-file={LIFECYCLE}"}
    yield _bucket(
        project.recordings_bucket, project.region, kept, (*private, key, *sorted(settings)),
        (*private, key, "--clear-soft-delete", "--no-versioning", f"--lifecycle-file={LIFECYCLE}"),
    )  # fmt: skip
    yield _bucket(project.releases_bucket, project.region, {}, private, private)


def _bucket(name: str, place: str, wanted: dict[str, Any], new: tuple[str, ...], changed: tuple[str, ...]) -> Step:
    def well(found: Any) -> bool:
        access = found.get("iamConfiguration", {})
        private = access.get("publicAccessPrevention") == "enforced"
        uniform = bool(access.get("uniformBucketLevelAccess", {}).get("enabled"))
        versions = bool(found.get("versioning", {}).get("enabled"))
        return private and uniform and not versions and within(wanted, _spelled(found))

    return Step(
        f"bucket {name}",
        ("storage", "buckets", "list", "--raw"),
        judged(name, well),
        (command("storage", "buckets", "create", f"gs://{name}", f"--location={place}", *new),),
        (command("storage", "buckets", "update", f"gs://{name}", *changed),),
    )


def _spelled(found: dict[str, Any]) -> dict[str, Any]:
    """Whole numbers of the JSON API come as texts; a bucket without soft delete may say nothing of it."""
    soft = str(found.get("softDeletePolicy", {}).get("retentionDurationSeconds", 0))
    return {**found, "softDeletePolicy": {"retentionDurationSeconds": soft}}


def queue(project: Project) -> Step:
    """The queue that calls /tasks/, with the retries of the local one."""
    place = f"--location={project.region}"
    retries = (
        f"--max-attempts={RETRIES['maxAttempts']}", f"--min-backoff={RETRIES['minBackoff']}",
        f"--max-backoff={RETRIES['maxBackoff']}", f"--max-doublings={RETRIES['maxDoublings']}",
    )  # fmt: skip
    return Step(
        "queue jobs",
        ("tasks", "queues", "list", place),
        judged("jobs", lambda found: within(RETRIES, found.get("retryConfig"))),
        (command("tasks", "queues", "create", "jobs", place, *retries),),
        (command("tasks", "queues", "update", "jobs", place, *retries),),
    )
