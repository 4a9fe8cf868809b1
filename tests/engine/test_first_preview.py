"""`flowinfra init` and the template for `pulumi new`: a repository's first preview, with the real engine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from flowinfra.local.state import HOME_VARIABLE
from tests.engine.conftest import Cloud

ROOT = Path(__file__).parents[2]


class Person:
    """Somebody new, in a folder, with an embedded AWS that runs already."""

    def __init__(self, cloud: Cloud, folder: Path, home: Path) -> None:
        self.folder = folder
        dropped = ("METAFLOW_", "AWS_", "PULUMI_")
        env = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
        self._env = {
            **env,
            HOME_VARIABLE: str(cloud.state.root),
            "PATH": os.pathsep.join((str(Path(sys.executable).parent), env["PATH"])),
            "METAFLOW_HOME": str(home),
            "PULUMI_HOME": str(home / "pulumi"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }

    def run(self, *words: str | Path) -> str:
        """Run a command to its end, and return what it printed on stdout."""
        done = subprocess.run(words, cwd=self.folder, env=self._env, capture_output=True, text=True)
        assert done.returncode == 0, f"{done.stdout}{done.stderr}"
        return done.stdout

    def previewed(self) -> dict[str, int]:
        """What the first preview would make: type → how many."""
        command = ("flowinfra", "local", "exec", "--", "pulumi", "preview", "--json", "-s", "local")
        preview = json.loads(self.run(*command))
        assert set(preview["changeSummary"]) == {"create"}
        types = [step["newState"]["type"] for step in preview["steps"]]
        return {each: types.count(each) for each in types}


def content(folder: Path) -> dict[Path, bytes]:
    """Every file of a repository but what git ignores."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"}


@pytest.fixture
def person(cloud: Cloud, tmp_path: Path) -> Person:
    folder, home = tmp_path / "acme", tmp_path / "home"
    folder.mkdir()
    home.mkdir()
    return Person(cloud, folder, home)


def test_a_repository_of_two_flows(person: Person) -> None:
    for name in ("parameters", "project"):
        shutil.copytree(ROOT / "examples" / "flows" / name, person.folder / "flows" / name)
    said = person.run("flowinfra", "init", "--yes", "--name", f"init-{uuid.uuid4().hex[:6]}")
    assert "2 of 2 flows compile (stack local)" in said
    before = content(person.folder)
    assert person.previewed()["flowinfra:aws:StepFunctionsFlow"] == 2
    # neither has the first preview written anything into the repository, nor does a second `init`
    person.run("flowinfra", "init", "--yes")
    assert content(person.folder) == before


def test_a_new_project_from_the_template(person: Person) -> None:
    name = f"template-{uuid.uuid4().hex[:6]}"
    options = ("--generate-only", "--yes", "--name", name, "--description", "Flows of a team")
    said = person.run("pulumi", "new", ROOT / "templates" / "flowinfra", *options)
    assert "flowinfra local start" in said
    assert f'name: "{name}"' in (person.folder / "Pulumi.yaml").read_text()
    assert person.previewed()["flowinfra:aws:StepFunctionsFlow"] == 1
    # all is there that `init` would write
    assert "written" not in person.run("flowinfra", "init", "--yes", "--ci", "none")
