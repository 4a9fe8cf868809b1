"""The project that a command works in: what its files must be to be read."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from flowinfra.cli import main
from flowinfra.engine.project import found_folder, project_folder, project_name, read_mapping, stack_file
from flowinfra.errors import ConfigError

BROKEN = "name: shop\npassword: [planted\n"


def test_the_folder_above_and_the_files_of_stacks(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\nstackConfigDir: stacks\n")
    below = tmp_path / "flows" / "train"
    below.mkdir(parents=True)
    assert project_folder(below) == found_folder(below) == tmp_path
    assert project_name(tmp_path) == "shop"
    file = stack_file(tmp_path, "dev")
    assert (file.path, file.label) == (tmp_path / "stacks" / "Pulumi.dev.yaml", "stacks/Pulumi.dev.yaml")
    assert file.of("prod").label == "stacks/Pulumi.prod.yaml"


def test_no_project(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no Pulumi\.yaml in this folder or around it"):
        project_folder(tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (BROKEN.encode(), "Pulumi.yaml:3: is not YAML"),
        (b"name: \xff\n", "Pulumi.yaml: is not text in UTF-8"),
        (b"runtime: python\n", "Pulumi.yaml: has no name"),
        (b"- a\n- list\n", "Pulumi.yaml: has no name"),
    ],
)
def test_what_cannot_be_read_is_told_by_its_line_and_not_shown(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_bytes(content)
    with pytest.raises(ConfigError) as error:
        project_name(tmp_path)
    assert said in str(error.value)
    assert "planted" not in str(error.value)


def test_a_folder_in_place_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.dev.yaml").mkdir()
    with pytest.raises(ConfigError, match=r"Pulumi\.dev\.yaml: cannot be read: Is a directory"):
        read_mapping(tmp_path / "Pulumi.dev.yaml", "Pulumi.dev.yaml")


@pytest.mark.parametrize("words", [("gc", "dev"), ("preview-stack", "down", "x"), ("bundle", "dev", "-o", "out")])
def test_commands_say_it_in_one_message(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Pulumi.yaml").write_text(BROKEN)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, list(words))
    assert done.exit_code == 1
    assert "Pulumi.yaml:3: is not YAML" in done.stderr
    assert isinstance(done.exception, SystemExit)
    assert "planted" not in done.stderr
