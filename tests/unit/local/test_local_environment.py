from __future__ import annotations

import json
import os
import sys
from importlib import metadata
from pathlib import Path

import pytest

from flowinfra import aws_plugin
from flowinfra.errors import LocalError
from flowinfra.local import bytecode
from flowinfra.local import environment as module
from flowinfra.local.environment import environment
from flowinfra.local.plugin import LAUNCHER, bin_directory
from flowinfra.local.state import Instance, State, default_state

INSTANCE = Instance(1, 4577, "2026-01-01T00:00:00+00:00", schedules=False, call_log=False, max_jobs=2)
AWS = metadata.version("pulumi-aws")
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
    ours = str(aws_plugin.bin_directory())
    assert folders == [plugin, ours, str(Path(sys.executable).parent), newest, "/nowhere"]
    installed = str(cache / "pulumi-3.99.0" / "bin")
    folders = environment(INSTANCE, state, {**base, "PATH": installed})["PATH"].split(os.pathsep)
    assert folders == [plugin, ours, str(Path(sys.executable).parent), installed]


def test_the_default_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv("FLOWINFRA_LOCAL_HOME", raising=False)
    assert default_state().root == tmp_path / "flowinfra" / "local"
    monkeypatch.setenv("FLOWINFRA_LOCAL_HOME", str(tmp_path / "named"))
    assert default_state().root == tmp_path / "named"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have folders of their own")
def test_the_folders_without_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME", "FLOWINFRA_LOCAL_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/ann")
    assert default_state().root == Path("/home/ann/.local/state/flowinfra/local")
    assert bytecode.shared_folder() == Path("/home/ann/.cache/flowinfra/bytecode")


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


# the official aws plugin


def plugin(folder: Path) -> Path:
    """A folder with an executable of the plugin's name."""
    folder.mkdir(parents=True)
    (folder / LAUNCHER).touch(mode=0o755)
    return folder


def test_the_official_plugin_takes_the_place_of_the_local_one(state: State, tmp_path: Path) -> None:
    home = tmp_path / "home"
    installed = plugin(home / "plugins" / f"resource-aws-v{AWS}")
    base = {"PATH": f"{bin_directory()}:/bin", "PULUMI_HOME": str(home)}
    folders = environment(INSTANCE, state, base)["PATH"].split(os.pathsep)
    assert folders[0] == str(bin_directory())
    folders = environment(INSTANCE, state, {**base, "FLOWINFRA_AWS_PROVIDER": "official"})["PATH"].split(os.pathsep)
    assert folders[0] == str(installed)
    assert str(bin_directory()) not in folders


def test_an_official_plugin_on_path_is_taken_too(state: State, tmp_path: Path) -> None:
    found = plugin(tmp_path / "bin")
    base = {"PATH": f"{bin_directory()}:{found}", "PULUMI_HOME": str(tmp_path), "FLOWINFRA_AWS_PROVIDER": "official"}
    assert environment(INSTANCE, state, base)["PATH"].split(os.pathsep)[0] == str(found)


def test_an_official_plugin_that_is_not_there_is_told_with_how_to_get_it(state: State, tmp_path: Path) -> None:
    base = {"PATH": str(bin_directory()), "PULUMI_HOME": str(tmp_path), "FLOWINFRA_AWS_PROVIDER": "official"}
    with pytest.raises(LocalError) as caught:
        environment(INSTANCE, state, base)
    assert str(caught.value) == (
        f"FLOWINFRA_AWS_PROVIDER=official: Pulumi's aws plugin {AWS} (as this environment's pulumi-aws) is neither "
        f"in {tmp_path / 'plugins'} nor on PATH. Get it with `pulumi plugin install resource aws {AWS}`, which needs "
        "the network, or leave FLOWINFRA_AWS_PROVIDER out to use the stand-in"
    )
    with pytest.raises(LocalError, match=r"FLOWINFRA_AWS_PROVIDER is 'real'; it may be local .* or official"):
        environment(INSTANCE, state, {**base, "FLOWINFRA_AWS_PROVIDER": "real"})
