"""`deploy/apply [--dry-run]`: brings a Google Cloud project to what this folder says; safe to run again at any time.

`deploy/apply admin ...` is `python -m addon admin ...` on the deployed store.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import yaml

from deploy.cloud import Cloud, CloudFailed, Run
from deploy.host_steps import address_of
from deploy.plan import Plan
from deploy.project import BadProject, Project, read_project
from deploy.render import ROOT, app_yaml
from deploy.step import NeedsPerson, settle

FINE, FAILED, MISUSED = 0, 1, 2
FILE = ROOT / "deploy" / "project.toml"
Say = Callable[[str], None]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("deploy/apply", description=__doc__)
    parser.add_argument("--project-file", type=Path, default=FILE, help="default deploy/project.toml")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done; asks Google, changes nothing")
    parser.add_argument("--web-client-secret-file", type=Path, help="the web client's secret, needed once")
    parser.add_argument("words", nargs=argparse.REMAINDER, help="admin ...: python -m addon admin on what is deployed")
    return parser


def _project(file: Path) -> Project:
    try:
        return read_project(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadProject(f"{error.strerror}: copy deploy/project.toml.example to it and fill it in") from None


def apply(plan: Plan, say: Say, pause: Callable[[float], None]) -> int:
    """Settle every step; the exit status. What was done stays, and the next run goes on behind it."""
    changed = 0
    try:
        for step in plan.steps():
            changed += settle(step, plan.cloud, say, pause, dry=plan.dry)
        if not plan.dry:
            _farewell(plan, say)
    except CloudFailed as error:
        say(f"\nStopped: {error}\nWhat was done stays. Run deploy/apply again once that is mended.")
        return FAILED
    except NeedsPerson as error:
        say(f"\nStopped: {error}")
        return FAILED
    say(f"\n{changed} {'to change' if plan.dry else 'changed'}." if changed else "\nEverything is as it should be.")
    return FINE


def _farewell(plan: Plan, say: Say) -> None:
    found = plan.cloud.look(("compute", "addresses", "list", f"--regions={plan.project.region}"))
    say(f"\n{plan.project.phone_host} must have the A record {address_of(found)}.\nThe add-on: {plan.base_url()}")


def administer(plan: Plan, words: Sequence[str], environment: Mapping[str, str]) -> int:
    """`python -m addon admin` with the deployed add-on's settings, in the name of who sits here."""
    settings = yaml.safe_load(app_yaml(plan.settings()))["env_variables"]
    told = {**environment, **settings, "GAE_ENV": "standard", "GOOGLE_CLOUD_PROJECT": plan.project.project}
    return subprocess.call([sys.executable, "-m", "addon", "admin", *words], env=told, cwd=ROOT)  # noqa: S603 -- words of who sits here


def main(
    words: Sequence[str],
    environment: Mapping[str, str],
    run: Run,
    say: Say,
    now: float,
    pause: Callable[[float], None] = time.sleep,
) -> int:
    """The exit status: 0 done, 1 stopped at a step, 2 the command or the project file is wrong."""
    asked = _parser().parse_args(words)
    if asked.words and asked.words[0] != "admin":
        say(f"{asked.words[0]}: only `admin` is known")
        return MISUSED
    try:
        project = _project(asked.project_file)
    except BadProject as error:
        say(f"{asked.project_file}:\n{error}")
        return MISUSED
    secret = asked.web_client_secret_file
    with tempfile.TemporaryDirectory() as folder:
        plan = Plan(
            project,
            Cloud(project.project, run),
            Path(folder),
            datetime.fromtimestamp(now, UTC),
            lambda: secret.read_text(encoding="utf-8") if secret else "",
            asked.dry_run,
        )
        if asked.words:
            try:
                return administer(plan, asked.words[1:], environment)
            except (CloudFailed, NeedsPerson) as error:
                say(str(error))
                return FAILED
        say(f"{project.project} in {project.region}{': nothing is changed' if asked.dry_run else ''}")
        return apply(plan, say, pause)
