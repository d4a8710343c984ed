"""deploy/apply makes an empty project what it should be, changes nothing the second time, and goes on wherever it was cut."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from addon.config import Config
from deploy.cloud import CloudFailed, Done
from deploy.program import FAILED, FINE, MISUSED, main
from tests.deploy.google import Cut, Google

pytestmark = pytest.mark.pure
ROOT = Path(__file__).parents[2]
NOW = 1_795_500_000.0
PROJECT = """
project = "acme-voice"
region = "us-central1"
zone = "us-central1-a"
phone_host = "phone.acme.example"
web_client_id = "2.apps.googleusercontent.com"
"""


class Operator:
    """Somebody with a project file and the web client's secret, who reads what is said."""

    def __init__(self, folder: Path, text: str = PROJECT) -> None:
        self.file, self.secret = folder / "project.toml", folder / "client-secret"
        self.file.write_text(text)
        self.secret.write_text("CANARY-client-secret\n")
        self.said: list[str] = []

    def applies(self, google: Callable[..., Done], *more: str) -> int:
        self.said = []
        words = ["--project-file", str(self.file), "--web-client-secret-file", str(self.secret), *more]
        return main(words, {}, google, self.said.append, NOW, lambda _seconds: None)

    @property
    def text(self) -> str:
        return "\n".join(self.said)


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    return Operator(tmp_path)


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Google:
    google = Google()
    assert Operator(tmp_path_factory.mktemp("first")).applies(google) == FINE
    return google


def again(google: Google) -> Google:
    return Google(copy.deepcopy(google.state))


def shape(state: dict[str, Any]) -> dict[str, Any]:
    """The state without what is random by intention: the keys' own bytes."""
    found = copy.deepcopy(state)
    for secret in found["secrets"].values():
        secret["held"] = len(secret["held"])
    return found


def test_the_first_run_makes_everything_and_the_second_changes_nothing(operator: Operator) -> None:
    google = Google()
    assert operator.applies(google) == FINE and "changed." in operator.text
    assert len(google.changes) >= 55 and "203.0.113.7" in operator.text
    second = again(google)
    assert operator.applies(second) == FINE
    assert second.changes == [] and second.state == google.state and "as it should be" in operator.text


def test_a_dry_run_names_each_command_of_the_real_one_and_changes_nothing(operator: Operator, deployed: Google) -> None:
    empty = Google()
    assert operator.applies(empty, "--dry-run") == FINE
    assert empty.changes == [] and empty.state.get("secrets", {}) == {}
    shown = [line.strip() for line in operator.said if line.startswith("      ")]
    verbs = [tuple(w for w in words if not w.startswith("-"))[:3] for words in deployed.changes]
    assert len(shown) == len(verbs)
    for line, verb in zip(shown, verbs, strict=True):
        assert line.startswith(f"gcloud {' '.join(verb[:2])}") or (verb[0] == "rest" and line.startswith(verb[1])), line
    assert operator.applies(again(deployed), "--dry-run") == FINE and "as it should be" in operator.text


@pytest.mark.parametrize("after", [False, True], ids=["before it took effect", "after it took effect"])
def test_a_run_that_is_cut_at_any_change_goes_on(
    operator: Operator, deployed: Google, after: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    cuts = 0
    for place in range(len(deployed.changes)):
        google = Google()
        google.cut_at, google.cut_after = place, after
        with pytest.raises(Cut):
            operator.applies(google)
        google.cut_at = -1
        assert operator.applies(google) == FINE, operator.text
        assert shape(google.state) == shape(deployed.state), deployed.changes[place]
        done = len(google.changes)
        assert operator.applies(google) == FINE and len(google.changes) == done
        cuts += 1
    with capsys.disabled():
        print(f"\ndeploy/apply: cut at {cuts} changes, {'after' if after else 'before'} each took effect")
    assert cuts >= 55


def test_a_command_that_fails_stops_the_run_with_googles_words_and_the_next_goes_on(operator: Operator) -> None:
    google = Google()

    def refusing(words: Any, typed: bytes) -> Done:
        if tuple(words[:3]) == ("storage", "buckets", "create"):
            return Done(1, err="ERROR: HTTPError 403: billing is off")
        return google(words, typed)

    assert operator.applies(refusing) == FAILED
    assert "billing is off" in operator.text and "gs://acme-voice-recordings" in operator.text
    assert operator.applies(google) == FINE


def test_no_secret_is_an_argument_a_line_of_output_or_in_app_yaml(operator: Operator) -> None:
    google = Google()
    assert operator.applies(google) == FINE
    held = [value for secret in google.state["secrets"].values() for value in secret["held"]]
    keys = json.loads(google.state["secrets"]["addon-keys"]["held"][0])
    secret = ["CANARY-client-secret", *(k for live in keys.values() for k in live.values())]
    assert len(held) == 3 and len(secret) == 6
    everywhere = json.dumps(google.changes) + operator.text + json.dumps(google.state["versions"])
    assert [value for value in [*secret, *held] if value in everywhere] == []


def test_telephony_gets_its_four_purposes_of_the_add_ons_keys(deployed: Google) -> None:
    addon, telephony = (json.loads(deployed.state["secrets"][f"{p}-keys"]["held"][0]) for p in ("addon", "telephony"))
    assert set(addon) - set(telephony) == {"web"} and all(telephony[name] == addon[name] for name in telephony)


DRIFTS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a bucket that is public": lambda s: s["buckets"]["gs://acme-voice-recordings"]["iamConfiguration"].update(publicAccessPrevention="inherited"),
    "recordings that live on": lambda s: s["buckets"]["gs://acme-voice-recordings"].update(softDeletePolicy={"retentionDurationSeconds": "604800"}),
    "recordings in versions": lambda s: s["buckets"]["gs://acme-voice-recordings"].update(versioning={"enabled": True}),
    "no lifecycle": lambda s: s["buckets"]["gs://acme-voice-recordings"].pop("lifecycle"),
    "Google's own key": lambda s: s["buckets"]["gs://acme-voice-recordings"].pop("encryption"),
    "a queue with other retries": lambda s: s["queues"]["jobs"]["retryConfig"].update(maxAttempts=3),
    "a clock that stands": lambda s: s["jobs"]["sweep"].update(state="PAUSED"),
    "a clock for another address": lambda s: s["jobs"]["sweep"]["httpTarget"].update(uri="https://other.example"),
    "a door open to more": lambda s: s["rules"]["telephony-ssh"].update(sourceRanges=["0.0.0.0/0"]),
    "a database that can be deleted": lambda s: s["databases"]["(default)"].update(deleteProtectionState="DELETE_PROTECTION_DISABLED"),
    "a lost index": lambda s: s["composites"].pop("0"),
    "a lost field setting": lambda s: s["fields"].pop(next(iter(s["fields"]))),
    "a role taken away": lambda s: s["policies"]["jobs"]["bindings"].pop(),
    "a role that is somebody else's": lambda s: s["policies"]["jobs"]["bindings"][0].update(members=["user:mallory@x.example"]),
    "a role under a condition": lambda s: s["policies"]["acme-voice"]["bindings"][0].update(condition={"expression": "false"}),
    "a manifest changed by hand": lambda s: s["deployments"]["cticontrol"].update(oauthScopes=[]),
    "another release noted": lambda s: s["machines"]["telephony"]["metadata"].update(items=[]),
    "traffic on an old version": lambda s: next(iter(s["versions"].values())).update(traffic_split=0.0),
    "an account deleted": lambda s: s["accounts"].pop("cticontrol-tasks"),
    "a service switched off": lambda s: s["services"].pop("cloudtasks.googleapis.com"),
}  # fmt: skip


@pytest.mark.parametrize("drift", DRIFTS)
def test_what_drifted_is_found_by_a_dry_run_and_mended_by_a_real_one(
    operator: Operator, deployed: Google, drift: str
) -> None:
    google = again(deployed)
    DRIFTS[drift](google.state)
    assert operator.applies(google, "--dry-run") == FINE and google.changes == []
    assert "1 to change" in operator.text, operator.text
    assert operator.applies(google) == FINE and len(google.changes) >= 1
    before = len(google.changes)
    assert operator.applies(google) == FINE and len(google.changes) == before


def test_app_engine_in_another_region_is_said_and_left_alone(operator: Operator, deployed: Google) -> None:
    google = again(deployed)
    google.state["app"]["locationId"] = "europe-west"
    assert operator.applies(google) == FAILED
    assert "cannot move" in operator.text and google.changes == []


def test_without_the_web_client_the_run_says_what_a_person_must_do(operator: Operator) -> None:
    operator.secret.write_text("")
    assert operator.applies(Google()) == FAILED and "--web-client-secret-file" in operator.text
    operator.secret.write_text("x")
    operator.file.write_text(PROJECT.replace("2.apps.googleusercontent.com", "mine"))
    assert operator.applies(Google()) == MISUSED
    operator.file.write_text(PROJECT.replace("2.apps.googleusercontent.com", ""))
    assert operator.applies(Google()) == FAILED and "web_client_id" in operator.text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('project = "acme-voice"', 'project = "ACME"'), "project"), (('"us-central1"', '"mars"'), "region"),
        (("us-central1-a", "europe-west1-b"), "zone must lie in region"), (("phone.acme.example", "phone"), "phone_host"),
        (("zone =", "zones ="), "zones is no setting"), (("project =", "project "), "not TOML"),
        (("\nregion", "\nmin_instances = 9\nregion"), "more than max_instances"),
        (("\nregion", '\nbase_url = "http://a.example"\nregion'), "base_url"),
        (("\nregion", '\nbase_url = "https://a.example/x"\nregion'), "base_url"),
        (("\nregion", "\nmin_instances = true\nregion"), "min_instances"),
        (("\nregion", '\npbx_networks = "8.8.8.0/24"\nregion'), "pbx_networks: 8.8.8.0/24 is not private"),
    ],
)  # fmt: skip
def test_a_project_file_that_cannot_be_is_said_before_google_is_asked(
    operator: Operator, change: tuple[str, str], said: str
) -> None:
    operator.file.write_text(PROJECT.replace(*change))
    google = Google()
    assert operator.applies(google) == MISUSED and said in operator.text and google.asked == []


def test_the_settings_that_are_deployed_start_the_add_on(deployed: Google) -> None:
    import yaml

    (version,) = deployed.state["versions"].values()
    settings = yaml.safe_load(version["app.yaml"])["env_variables"]
    held = {f"addon-keys/{1}": "addon-keys", f"web-client/{1}": "web-client"}

    def read(name: str) -> bytes:
        secret, number = name.split("/")[3], name.split("/")[5]
        assert held[f"{secret}/{number}"] == secret
        return str(deployed.state["secrets"][secret]["held"][0]).encode()

    config = Config.from_env({**settings, "GAE_ENV": "standard", "GOOGLE_CLOUD_PROJECT": "acme-voice"}, read)
    assert config.base_url == "https://acme-voice.uc.r.appspot.com" and config.cloud is not None
    assert config.cloud.bucket == "acme-voice-recordings" and config.web_client_secret == "CANARY-client-secret"
    assert config.telephony_ws_url == "wss://phone.acme.example/phone"


FAKE = """#!{python}
import json, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.deploy.google import Google
file = Path({state!r})
google = Google(json.loads(file.read_text()) if file.exists() else None)
if sys.argv[1:3] == ["auth", "print-access-token"]:
    print("token"); sys.exit(0)
done = google(sys.argv[1:], b"" if sys.stdin.isatty() else sys.stdin.buffer.read())
file.write_text(json.dumps(google.state))
print(done.out); print(done.err, file=sys.stderr)
sys.exit(done.status)
"""


def test_the_program_itself_runs_a_gcloud_that_it_finds_on_its_path(operator: Operator, tmp_path: Path) -> None:
    """As far as the first REST call, for which there is no Google here: everything before it is made by real processes."""
    programs, state = tmp_path / "bin", tmp_path / "state.json"
    programs.mkdir()
    (programs / "gcloud").write_text(FAKE.format(python=sys.executable, root=str(ROOT), state=str(state)))
    (programs / "gcloud").chmod(0o755)
    env = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "https_proxy": "http://127.0.0.1:9"}
    command = [sys.executable, str(ROOT / "deploy" / "apply"), "--project-file", str(operator.file)]
    command += ["--web-client-secret-file", str(operator.secret)]
    for _ in range(2):
        ran = subprocess.run(command, env=env, capture_output=True, text=True, timeout=110)
        assert ran.returncode == FAILED and "firestore.googleapis.com" in ran.stdout, ran.stdout + ran.stderr
    found = json.loads(state.read_text())
    assert len(found["secrets"]) == 3 and found["secrets"]["web-client"]["held"] == ["CANARY-client-secret"]
    assert "is so     value of addon-keys" in ran.stdout and len(found["composites"]) == 2


def test_a_google_that_cannot_be_reached_is_not_taken_for_an_empty_project(operator: Operator) -> None:
    assert operator.applies(lambda words, typed: Done(1, err="ERROR: permission denied")) == FAILED
    assert "permission denied" in operator.text
    with pytest.raises(CloudFailed):
        from deploy.cloud import Cloud

        Cloud("p", lambda words, typed: Done(1, err="no network")).look(("app", "describe"))


def test_administration_gets_the_deployed_settings_and_every_word(
    operator: Operator, deployed: Google, capfd: pytest.CaptureFixture[str]
) -> None:
    """There are no credentials here, so that the command ends where it would read the first secret."""
    words = ["--project-file", str(operator.file), "admin", "show", "--tenant", "acme"]
    env = {"PATH": os.environ["PATH"], "NO_GCE_CHECK": "true", "HOME": str(operator.file.parent)}
    assert main(words, env, again(deployed), operator.said.append, NOW) == 2
    said = capfd.readouterr().err
    assert "projects/123456789012/secrets/addon-keys/versions/1 cannot be read" in said and "BASE_URL" not in said
    words[2] = "admim"
    assert main(words, env, again(deployed), operator.said.append, NOW) == MISUSED and "admim" in operator.text
