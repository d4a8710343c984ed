"""Every step of a deployment, in the order in which they need each other."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from deploy import addon_steps, foundation, host_steps, stores
from deploy.cloud import Cloud
from deploy.project import Project
from deploy.render import pack_telephony, stage_addon
from deploy.step import NeedsPerson, Step
from manifests.render import render


@dataclass(frozen=True, slots=True)
class Plan:
    """`folder` is empty and for this run alone. In a `dry` run what is not known yet reads as <...>."""

    project: Project
    cloud: Cloud
    folder: Path
    now: datetime
    client_secret: Callable[[], str]
    dry: bool

    def steps(self) -> Iterator[Step]:
        """A step may ask what the ones before it have made: settle each before taking the next."""
        project = self.project
        yield foundation.services()
        yield from foundation.kms(project, self._number(), self.now)
        yield from foundation.accounts(project)
        yield from foundation.secrets_steps(project, self.cloud, self.client_secret)
        yield from stores.firestore(project)
        yield from stores.indexes(project)
        yield from stores.buckets(project)
        yield addon_steps.application(project)
        yield stores.queue(project)
        yield from foundation.grants(project)
        yield from host_steps.network(project)
        packed = pack_telephony(self.folder)
        yield host_steps.release(project, packed)
        yield host_steps.machine(project, packed, self.base_url(), self._version("telephony-keys"))
        yield from self._addon()
        yield from addon_steps.clock(project, self.base_url())

    def _addon(self) -> Iterator[Step]:
        staged = self.folder / "addon"
        yield addon_steps.version(staged, stage_addon(staged, self.settings()))
        manifest = self.folder / "deployment.json"
        base = self.base_url()
        manifest.write_text(json.dumps(render("https://unknown.example" if base.startswith("<") else base)))
        yield addon_steps.workspace(manifest)

    def _fact(self, name: str, words: tuple[str, ...], of: Callable[[Any], Any]) -> str:
        found = self.cloud.look(words)
        value = of(found) if found is not None else None
        if value:
            return str(value)
        if self.dry:
            return f"<{name}>"
        raise NeedsPerson(f"{name} cannot be read: gcloud {' '.join(words)} says nothing")

    def _number(self) -> str:
        words = ("projects", "describe", self.project.project)
        return self._fact("project-number", words, lambda found: found.get("projectNumber"))

    def base_url(self) -> str:
        """Where the add-on answers."""
        if self.project.base_url:
            return self.project.base_url
        host = self._fact("host", ("app", "describe"), lambda found: found.get("defaultHostname"))
        return host if host.startswith("<") else f"https://{host}"

    def _version(self, secret: str) -> str:
        return self._fact(f"version-of-{secret}", ("secrets", "versions", "list", secret), foundation.newest)

    def settings(self) -> dict[str, str]:
        """What app.yaml is filled in with."""
        project = self.project
        authorization = ("workspace-add-ons", "get-authorization")
        if not project.web_client_id and not self.dry:
            raise NeedsPerson("web_client_id is empty: docs/DEPLOY.md, step 4")
        return {
            "addon_account": project.account("addon"),
            "min_instances": str(project.min_instances),
            "max_instances": str(project.max_instances),
            "base_url": self.base_url(),
            "google_account": self._fact("google-account", authorization, lambda a: a.get("serviceAccountEmail")),
            "oauth_client_id": self._fact("oauth-client", authorization, lambda a: a.get("oauthClientId")),
            "web_client_id": project.web_client_id or "<web-client>",
            "web_client_secret_version": self._version("web-client"),
            "keys_version": self._version("addon-keys"),
            "tasks_account": project.account("tasks"),
            "queue": project.queue,
            "recordings_bucket": project.recordings_bucket,
            "phone_host": project.phone_host,
            "pbx_networks": project.pbx_networks,
        }
