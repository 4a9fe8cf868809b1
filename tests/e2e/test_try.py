"""`flowinfra try`: flows run to their end with what their tasks will have, and with nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from flowinfra.cli import main
from tests.unit.interpreters import interpreter

FLOWS = Path(__file__).parents[1] / "flows"
FLOW = """
import importlib, os, sys
from metaflow import FlowSpec, IncludeFile, Parameter, batch, catch, current, retry, secrets, step

class TryFlow(FlowSpec):
    what = Parameter("what", default="nothing")
    words = IncludeFile("words", default="flows/words.txt")

    @step
    def start(self):
        assert os.environ.get("STAGE") is None, "what only the compile reads"
        assert self.words == "some words", self.words
        self.each = [1, 2]
        self.next(self.work, foreach="each")

    @secrets(sources=["aws-secrets-manager.login"])
    @batch(memory=1)
    @retry(times=1, minutes_between_retries=0)
    @step
    def work(self):
        if self.what == "retry" and current.retry_count == 0:
            raise RuntimeError("not yet")
        if self.what == "module":
            importlib.import_module("colour" + "_of_none")
        if self.what == "variable":
            os.environ["PASSWORD"]
        if self.what == "file":
            open("here/only.csv")
        self.colour = os.environ.get("COLOUR")
        self.next(self.join)

    @step
    def join(self, inputs):
        print("colours", sorted({{i.colour for i in inputs}}, key=str))
        self.next(self.end)

    @catch(var="failed")
    @step
    def end(self):
        raise ValueError("caught")

if __name__ == "__main__":
    TryFlow()
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose interpreter has more than its tasks will."""
    root = tmp_path_factory.mktemp("shop")
    flow = root / "flows" / "flow.py"
    flow.parent.mkdir()
    flow.write_text(FLOW.replace("{{", "{").replace("}}", "}"))
    (flow.parent / "words.txt").write_text("some words")
    (root / "flows" / "here").mkdir()
    (root / "flows" / "here" / "only.csv").write_text("not packaged")
    metadata = "Metadata-Version: 2.1\nName: colours\nVersion: 1\n"
    modules = {
        "colour_of_none.py": "",
        "colours-1.dist-info/METADATA": metadata,
        "colours-1.dist-info/RECORD": "colour_of_none.py,,\ncolours-1.dist-info/METADATA,,\n",
    }
    interpreter(root / "venv", modules)
    (root / "Pulumi.yaml").write_text("name: shop\nruntime: python\nstackConfigDir: stacks\n")
    (root / "stacks").mkdir()
    entry = {
        "flow": "flows/flow.py",
        "python": "venv/bin/python",
        "parameters": {"what": "retry"},
        "env": {"STAGE": "prod"},
        "steps": {"work": {"environment": {"COLOUR": "red"}, "memory": 4096}},
    }
    config = {"flowinfra:platform": {"bucket": "bkt", "queue": "jobs", "table": "t"}, "flowinfra:flows": [entry]}
    (root / "stacks" / "Pulumi.prod.yaml").write_text(json.dumps({"config": config}))
    return root


@pytest.fixture
def tried(project: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(project)
    monkeypatch.setenv("PASSWORD", "of the shell")

    def run(*words: str) -> Result:
        return CliRunner().invoke(main, ["try", *words], catch_exceptions=False)

    return run


def test_as_the_stack_has_it(tried: Any) -> None:
    """Parameters and overrides are the stack's, compute and secrets are left out, retries are Metaflow's."""
    done = tried("flows/flow.py", "-s", "prod")
    assert done.exit_code == 0, done.output
    assert "not yet" in done.stdout
    assert "colours ['red']" in done.stdout
    assert "TryFlow came to its end in " in done.stdout
    assert "start, work x2, join" in done.stdout
    assert "left out: @secrets of step work (login): give what it sets with --task-env" in done.stderr


@pytest.mark.parametrize(
    ("what", "error", "hint"),
    [
        ("module", "ModuleNotFoundError: No module named 'colour_of_none'", "neither the code package nor what is"),
        ("variable", "KeyError: 'PASSWORD'", "PASSWORD: a task sees no variable of the shell"),
        (
            "file",
            "FileNotFoundError: [Errno 2] No such file or directory: 'here/only.csv'",
            "works in the extracted",
        ),
    ],
)
def test_a_task_that_fails(tried: Any, what: str, error: str, hint: str) -> None:
    done = tried("flows/flow.py", "--python", "venv/bin/python", "--what", what)
    assert done.exit_code == 3
    assert f"TryFlow failed in step work: {error}" in done.stderr
    assert "at flow.py:" in done.stderr
    assert hint in done.stderr


def test_what_is_declared_is_there(tried: Any) -> None:
    words = ("flows/flow.py", "--python", "venv/bin/python", "--image-package", "colours", "--image-package", "absent")
    done = tried(*words, "--json", "--what=module")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["flow"], told["ok"], told["failure"]) == ("TryFlow", True, None)
    assert told["steps"]["work"] == 2
    assert "declared, but not installed beside the interpreter that compiles: absent" in told["left_out"]


def test_a_variable_of_the_image(tried: Any) -> None:
    done = tried("flows/flow.py", "--python", "venv/bin/python", "--what", "variable", "--task-env", "PASSWORD=x")
    assert done.exit_code == 0, done.output


def test_a_flow_with_configs_and_a_project(tried: Any) -> None:
    assert tried(str(FLOWS / "config" / "flow.py"), "--working-folder", "flow").exit_code == 0
    done = tried(str(FLOWS / "project" / "flow.py"), "--production")
    assert done.exit_code == 0, done.output


def test_what_is_asked_for_and_cannot_be(tried: Any) -> None:
    done = tried(str(FLOWS / "parameters" / "flow.py"))
    assert (done.exit_code, "have to be given: --wanted VALUE" in done.stderr) == (1, True)
    done = tried(str(FLOWS / "linear" / "flow.py"), "--no-such", "3")
    assert (done.exit_code, "failed before its first task: no such option: --no-such" in done.stderr.lower()) == (
        3,
        True,
    )
    done = tried("flows/flow.py", "-s", "prod", "--image", "x:1")
    assert "--image goes without --stack, whose file says it; give one of both" in done.stderr
    done = tried("flows/other.py", "-s", "prod")
    assert "flows/other.py: stack prod has no flow flows/other.py" in done.stderr
