"""The add-on: App Engine's application and version, the clock, and what Google Workspace is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from addon.jobs.schedule import schedule
from addon.ports.tasks import Scheduled
from deploy.cloud import command
from deploy.project import Project
from deploy.step import State, Step, judged, when, within

DEPLOYMENT = "cticontrol"
ATTEMPT_SECONDS = 180


def application(project: Project) -> Step:
    """App Engine's application: one for each project, in a region for ever."""

    def state(found: Any) -> State:
        if not found:
            return State.MISSING
        return State.DONE if found.get("locationId") == project.app_engine_region else State.DIFFERENT

    return Step(
        "App Engine",
        ("app", "describe"),
        state,
        (command("app", "create", f"--region={project.app_engine_region}"),),
        advice="App Engine is in another region and cannot move: set `region` to it, or take a new project",
    )


def version(folder: Path, name: str) -> Step:
    """This code with these settings, serving everybody."""

    def served(found: Any) -> bool:
        return any(v["id"] == name and float(v.get("traffic_split", 0)) == 1.0 for v in found)

    return Step(
        f"version {name}",
        ("app", "versions", "list", "--service=default"),
        when(served),
        (command("app", "deploy", str(folder / "app.yaml"), f"--version={name}", "--promote"),),
    )


def cron(scheduled: Scheduled) -> str:
    """The clock's words for an interval (unix-cron); raises ValueError for one that it cannot say."""
    minutes, rest = divmod(scheduled.every_seconds, 60)
    if rest or not 1 <= minutes <= 59 or 60 % minutes:
        raise ValueError(f"{scheduled.name}: every {scheduled.every_seconds} s cannot be said")
    return "* * * * *" if minutes == 1 else f"*/{minutes} * * * *"


def _runs(name: str, found: Any) -> State:
    stands = [job for job in found or () if job["name"].endswith(f"/{name}") and job.get("state") != "ENABLED"]
    return State.MISSING if stands else State.DONE


def clock(project: Project, base_url: str) -> Iterator[Step]:
    """The table of addon/jobs/schedule.py as Cloud Scheduler jobs, with the token that the tasks door asks for."""
    place = f"--location={project.region}"
    for row in schedule():
        url, when_ = f"{base_url}/tasks/{row.job.value}", cron(row)
        token = {"serviceAccountEmail": project.account("tasks"), "audience": url}
        wanted = {"schedule": when_, "httpTarget": {"uri": url, "httpMethod": "POST", "oidcToken": token}}
        common = (
            place, f"--schedule={when_}", f"--uri={url}", "--http-method=POST", "--message-body={}",
            f"--oidc-service-account-email={project.account('tasks')}", f"--oidc-token-audience={url}",
            f"--attempt-deadline={ATTEMPT_SECONDS}s", "--time-zone=Etc/UTC",
        )  # fmt: skip
        yield Step(
            f"clock {row.name}",
            ("scheduler", "jobs", "list", place),
            judged(row.name, partial(within, wanted)),
            (
                command(
                    *("scheduler", "jobs", "create", "http", row.name, *common),
                    "--headers=Content-Type=application/json",
                ),
            ),
            (
                command(
                    *("scheduler", "jobs", "update", "http", row.name, *common),
                    "--update-headers=Content-Type=application/json",
                ),
            ),
        )

        yield Step(
            f"clock {row.name} runs",
            ("scheduler", "jobs", "list", place),
            partial(_runs, row.name),
            (command("scheduler", "jobs", "resume", row.name, place),),
        )


def workspace(file: Path) -> Step:
    """What Google Workspace shows: manifests/render.py's resource in `file`."""
    wanted = json.loads(file.read_text(encoding="utf-8"))

    def state(found: Any) -> State:
        if found is None:
            return State.MISSING
        return State.DONE if within(wanted, found) else State.DIFFERENT

    told = (DEPLOYMENT, f"--deployment-file={file}")
    return Step(
        "Workspace add-on",
        ("workspace-add-ons", "deployments", "describe", DEPLOYMENT),
        state,
        (command("workspace-add-ons", "deployments", "create", *told),),
        (command("workspace-add-ons", "deployments", "replace", *told),),
    )
