"""Who runs as whom, and each role with the reason for it: docs/DEPLOY.md shows this table."""

from __future__ import annotations

from dataclasses import dataclass

ACCOUNTS = {
    "addon": "CTiContRol add-on",
    "telephony": "CTiContRol telephony host",
    "tasks": "CTiContRol queue and clock",
}


@dataclass(frozen=True, slots=True)
class Grant:
    """`part`'s account has `role` on one thing only: `project`, or KIND:NAME."""

    part: str
    role: str
    on: str
    why: str


GRANTS = (
    Grant("addon", "roles/datastore.user", "project", "reads and writes documents; Firestore has no smaller place"),
    Grant("addon", "roles/storage.objectUser", "bucket:recordings", "stores, plays, holds and deletes recordings"),
    Grant(
        "addon", "roles/storage.objectViewer", "bucket:staging", "App Engine fetches the version's files in its name"
    ),
    Grant("addon", "roles/cloudtasks.enqueuer", "queue:jobs", "enqueues jobs"),
    Grant("addon", "roles/cloudtasks.viewer", "queue:jobs", "pings the queue"),
    Grant("addon", "roles/iam.serviceAccountUser", "account:tasks", "tasks carry that account's token"),
    Grant("addon", "roles/secretmanager.secretAccessor", "secret:addon-keys", "signs, opens line passwords"),
    Grant("addon", "roles/secretmanager.secretAccessor", "secret:web-client", "Sign in with Google"),
    Grant("telephony", "roles/secretmanager.secretAccessor", "secret:telephony-keys", "proves who commands it"),
    Grant("telephony", "roles/storage.objectViewer", "bucket:releases", "fetches its release"),
)
