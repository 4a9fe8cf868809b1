from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from flowinfra.errors import LocalError
from flowinfra.local import environment as module
from flowinfra.local.environment import environment
from flowinfra.local.state import Instance, State, default_state

INSTANCE = Instance(1, 4577, "2026-01-01T00:00:00+00:00", schedules=False, call_log=False, max_jobs=2)
FOREIGN = {
    "AWS_PROFILE": "production",
    "AWS_SESSION_TOKEN": "real",
    "AWS_ENDPOINT_URL_S3": "https://real",
    "METAFLOW_PROFILE": "production",
    "METAFLOW_SERVICE_URL": "https://real",
    "PULUMI_ACCESS_TOKEN": "real",
    "PULUMI_BACKEND_URL": "s3://real",
}


@pytest.fixture
def state(tmp_path: Path) -> State:
    made = State(tmp_path / "state")
    made.clear()
    return made


def test_nothing_that_leads_elsewhere_is_left(state: State) -> None:
    made = environment(INSTANCE, state, {**FOREIGN, "HOME": "/home/me", "PATH": "/bin"})
    assert "real" not in json.dumps(made)
    assert made["FLOWINFRA_IAM_SECONDS"] == "0"
    assert not {"AWS_PROFILE", "METAFLOW_PROFILE", "METAFLOW_SERVICE_URL"} & made.keys()
    assert made["HOME"] == "/home/me"
    assert made["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4577"
    assert made["PULUMI_BACKEND_URL"].startswith("file:///")
    assert Path(made["AWS_CONFIG_FILE"]).read_text() == ""


def test_other_variables_are_kept(state: State) -> None:
    base = {"PULUMI_EXPERIMENTAL": "1", "EDITOR": "vi", "PATH": "/bin"}
    made = environment(INSTANCE, state, base)
    assert {name: made[name] for name in ("PULUMI_EXPERIMENTAL", "EDITOR")} == {
        "PULUMI_EXPERIMENTAL": "1",
        "EDITOR": "vi",
    }


def test_what_is_deployed_wins(state: State) -> None:
    state.metaflow_config.write_text(json.dumps({"METAFLOW_BATCH_JOB_QUEUE": "mine", "METAFLOW_N": 1, "PATH": "/evil"}))
    made = environment(INSTANCE, state, {"PATH": "/bin"})
    assert (made["METAFLOW_BATCH_JOB_QUEUE"], made["METAFLOW_N"]) == ("mine", "1")
    assert "/evil" not in made["PATH"]


def test_a_broken_file_is_named(state: State) -> None:
    state.metaflow_config.write_text("{")
    with pytest.raises(LocalError, match=r"metaflow_config\.json is not JSON"):
        environment(INSTANCE, state, {})


def test_the_proxy_of_the_shell_is_bypassed(state: State) -> None:
    made = environment(INSTANCE, state, {"NO_PROXY": "intranet,localhost"})
    assert made["NO_PROXY"] == "intranet,localhost,127.0.0.1"
    assert made["no_proxy"] == "127.0.0.1,localhost"


@pytest.mark.parametrize(("base", "user"), [({"USER": "ada"}, "ada"), ({"USER": "root"}, "local"), ({}, "local")])
def test_metaflow_has_a_user(state: State, base: dict[str, str], user: str) -> None:
    assert environment(INSTANCE, state, base)["METAFLOW_USER"] == user


def test_path(state: State, tmp_path: Path) -> None:
    plugin = str(Path(module.__file__).parent / "plugin" / "bin")
    cache = tmp_path / "cache" / "flowinfra" / "tools"
    for version in ("3.99.0", "3.250.0"):
        program = cache / f"pulumi-{version}" / "bin" / "pulumi"
        program.parent.mkdir(parents=True)
        program.touch(mode=0o755)
    base = {"PATH": "/nowhere", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    folders = environment(INSTANCE, state, base)["PATH"].split(os.pathsep)
    newest = str(cache / "pulumi-3.250.0" / "bin")
    assert folders == [plugin, str(Path(sys.executable).parent), newest, "/nowhere"]
    installed = str(cache / "pulumi-3.99.0" / "bin")
    folders = environment(INSTANCE, state, {**base, "PATH": installed})["PATH"].split(os.pathsep)
    assert folders == [plugin, str(Path(sys.executable).parent), installed]


def test_the_default_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv("FLOWINFRA_LOCAL_HOME", raising=False)
    assert default_state().root == tmp_path / "flowinfra" / "local"
    monkeypatch.setenv("FLOWINFRA_LOCAL_HOME", str(tmp_path / "named"))
    assert default_state().root == tmp_path / "named"


def test_clearing_keeps_lock_and_log_only(state: State) -> None:
    state.lock_file.touch()
    state.server_log.write_text("words")
    (state.jobs / "old").mkdir()
    (state.pulumi_backend / "stack.json").touch()
    state.write_instance(INSTANCE)
    assert state.read_instance() == INSTANCE
    state.clear()
    assert state.server_log.read_text() == "words"
    assert (list(state.jobs.iterdir()), list(state.pulumi_backend.iterdir())) == ([], [])
    assert state.read_instance() is None


def test_stacks_of_the_local_backend(state: State) -> None:
    folder = state.pulumi_backend / ".pulumi" / "stacks" / "flowinfra"
    folder.mkdir(parents=True)
    for name in ("local.json", "local.json.bak", "other.json"):
        (folder / name).touch()
    assert state.stacks() == ["local", "other"]
