"""What a shell offers when Tab is pressed, asked as a shell asks."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from flowinfra.cli import main


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\nstackConfigDir: stacks\n")
    (tmp_path / "stacks").mkdir()
    for stack, text in {
        "prod": "config: {}\n",
        "staging": "config: [\n",
        "pr-42": "config: {'flowinfra:preview': {name: feature/x}}\n",
    }.items():
        (tmp_path / "stacks" / f"Pulumi.{stack}.yaml").write_text(text)
    (tmp_path / "flows").mkdir()
    monkeypatch.chdir(tmp_path / "flows")
    return tmp_path


def offered(*words: str) -> list[tuple[str, str]]:
    """Type and value of each offer for the last of some words."""
    complete = ShellComplete(main, {}, "flowinfra", "_FLOWINFRA_COMPLETE")
    return [(item.type, item.value) for item in complete.get_completions(list(words[:-1]), words[-1])]


def names(*words: str) -> list[str]:
    return [value for _, value in offered(*words)]


def test_targets() -> None:
    assert names("compile", "flow.py", "--target", "") == ["step-functions", "argo", "airflow"]
    assert names("compile", "-t", "a") == ["argo", "airflow"]


@pytest.mark.parametrize(
    "words",
    [
        ("gc",),
        ("recover",),
        ("verify",),
        ("mirror",),
        ("mirror", "prod"),
        ("bundle", "prod"),
        ("rollback",),
        ("why",),
        ("why", "prod"),
        ("preview-stack", "up", "x", "--of"),
    ],
)
def test_stacks_of_the_project(project: Path, words: tuple[str, ...]) -> None:
    assert names(*words, "") == ["pr-42", "prod", "staging"]
    assert names(*words, "st") == ["staging"]


def test_flows_of_a_stack_by_the_files_that_it_names(project: Path) -> None:
    (project / "flows" / "train.py").write_text("class TrainFlow(FlowSpec):\n    pass\n")
    (project / "flows" / "tune.py").write_text("class TuneFlow(Base, metaflow.FlowSpec):\n    pass\n")
    for stack, flows in {"prod": "[{flow: flows/*.py}]", "dev": "[{flow: flows/tune.py, name: Tuned}]"}.items():
        config = f"{{'flowinfra:platform': {{bucket: b, queue: q}}, 'flowinfra:flows': {flows}}}"
        (project / "stacks" / f"Pulumi.{stack}.yaml").write_text(f"config: {config}\n")
    assert names("rollback", "dev", "") == ["TuneFlow", "Tuned"]
    for command in ("run", "runs"):
        assert names(command, "-s", "dev", "") == ["TuneFlow", "Tuned"]
        assert names(command, "-s", "prod", "Tr") == ["TrainFlow"]
        assert names(command, "T") == ["TrainFlow", "TuneFlow", "Tuned"]
    assert names("run", "TrainFlow", "-s", "d") == ["dev"]
    assert names("adopt", "prod", "Tu") == ["TuneFlow"]
    assert names("local", "run", "Tu") == ["TuneFlow", "Tuned"]
    assert names("pull", "Tu") == ["TuneFlow"]


def test_files_where_no_stack_begins_so(project: Path) -> None:
    assert offered("why", "train.fl") == [("file", "train.fl")]


def test_preview_stacks_as_they_were_named(project: Path) -> None:
    assert names("preview-stack", "down", "") == ["feature/x"]


def test_outside_a_project_nothing_is_offered_and_nothing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert names("gc", "") == []
    (tmp_path / "Pulumi.yaml").write_text("name: [\n")
    assert names("gc", "") == []
    assert names("preview-stack", "down", "") == []


def test_options_of_init(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METAFLOW_HOME", str(tmp_path))
    for name in ("config.json", "config_prod.json", "config_dev.json"):
        (tmp_path / name).write_text("{}")
    assert names("init", "--profile", "") == ["dev", "prod"]
    assert names("init", "--profile", "p") == ["prod"]
    assert names("init", "--ci", "g") == ["github", "gitlab"]
    assert names("init", "--target", "a") == ["argo", "airflow"]
    assert {"--bucket", "--queue", "--dry-run"} <= set(names("init", "--"))
