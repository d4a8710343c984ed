"""The only module that names adapters."""

from __future__ import annotations

import gc
import secrets
import time
from pathlib import Path

from flask import Flask

from addon.adapters.directory_objects import DirectoryObjects
from addon.adapters.gmail_api import GmailApi
from addon.adapters.google_keys import GoogleKeys
from addon.adapters.google_sign_in import GoogleSignIn
from addon.adapters.local_queue import HttpDelivery, QueueKey
from addon.adapters.local_tasks import LocalTasks, TaskRunner
from addon.adapters.people_api import PeopleApi
from addon.adapters.sqlite_documents import SqliteDocuments
from addon.adapters.telephony_http import TelephonyHttp
from addon.app import create_app
from addon.config import BadConfig, Config
from addon.jobs.schedule import schedule
from addon.ports.documents import Documents
from addon.ports.objects import Objects
from addon.ports.outside import Ports
from addon.ports.tasks import Tasks
from addon.store.sealed import Seal
from addon.store.tenancy import Tenancy
from contract.wire import Keys

GC_NEW_OBJECTS = 20_000


def settle_memory() -> None:
    """What start-up made lives as long as the process: collections skip it, and come after more new objects than a card makes."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_NEW_OBJECTS)


def _local_tasks(config: Config) -> LocalTasks:
    return LocalTasks(config.data_dir / "tasks.sqlite")


def _stores(config: Config) -> tuple[Documents, Objects, Tasks]:
    """Google's on App Engine, else files under DATA_DIR. Google's packages take a second to load: only there."""
    cloud = config.cloud
    if cloud is None:
        return (
            SqliteDocuments(config.data_dir / "addon.sqlite"),
            DirectoryObjects(config.data_dir / "objects"),
            _local_tasks(config),
        )
    from addon.adapters import cloud_tasks, firestore_documents, gcs_objects

    return (
        firestore_documents.connect(cloud.project, cloud.database),
        gcs_objects.connect(cloud.bucket),
        cloud_tasks.connect(cloud.queue, config.base_url, config.tasks_service_account, time.time),
    )


def build_ports(config: Config) -> Ports:
    """The stores and the queue of where this runs; Google and telephony over HTTP."""
    documents, objects, tasks = _stores(config)
    return Ports(
        documents=documents,
        objects=objects,
        tasks=tasks,
        telephony=TelephonyHttp(config.telephony_url, Keys(config.keys["addon-to-telephony"]), time.time),
        gmail=GmailApi(config.gmail_api_url),
        people=PeopleApi(config.people_api_url),
        sign_in=GoogleSignIn(config.token_url, config.web_client_id, config.web_client_secret),
        now=time.time,
        new_id=lambda: secrets.token_hex(16),
    )


def read_secret(version: str) -> bytes:
    """A secret of Secret Manager; raises SecretAway. Its packages take a moment to load: only where one is named."""
    from addon.adapters import secret_manager

    return secret_manager.read_secret(version)


def build_tenancy(config: Config, ports: Ports) -> Tenancy:
    """The store, with line passwords sealed by the "lines" keys."""
    return Tenancy(ports.documents, Seal(config.keys["lines"]))


def build_app(config: Config) -> Flask:
    """The whole add-on."""
    ports = build_ports(config)
    google = GoogleKeys(config.certs_url, time.monotonic, asks_at_ping=config.dev)
    queue_key = QueueKey.of(_queue_key_file(config)) if config.cloud is None else None
    return create_app(config, ports, build_tenancy(config, ports), google, queue_key)


def build_queue(config: Config) -> TaskRunner:
    """The local queue: delivers to this add-on's own door and enqueues the schedule."""
    key = QueueKey.of(_queue_key_file(config))
    deliver = HttpDelivery(key, config.base_url, config.port, config.tasks_service_account, time.time)
    return TaskRunner(_local_tasks(config), deliver, time.time, schedule(config.sweep_seconds))


def _queue_key_file(config: Config) -> Path:
    if config.queue_key_file is None:
        raise BadConfig("App Engine keeps no files: the local queue, which signs with a key of its own, is refused")
    return config.queue_key_file
