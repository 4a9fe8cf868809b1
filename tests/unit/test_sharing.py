"""What steps share stands once, and a task is still given exactly what Metaflow's own job gives it.

The judge is bash: it runs Metaflow's command, and the one that is put together of a job definition and a state, with
programs in place of `python` that write down what they see.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from flowinfra.compiler import compile_flow
from flowinfra.compiler.recording import Reading, Recording
from flowinfra.errors import CompileError
from flowinfra.model.base import canonical_json
from flowinfra.targets import mends
from flowinfra.targets.step_functions import reading
from flowinfra.targets.step_functions.sharing import TASK, share
from flowinfra.targets.step_functions.states import State, step_of, submitting_states
from tests.unit.components.compiled import compiled, for_step_functions
from tests.unit.constructs import CONSTRUCTS
from tests.unit.expanded import merged_environment
from tests.unit.golden import constructs_of
from tests.unit.sources import request, write_flow

RUN = ["parameters", "foreach", "split", "retry", "compress", "batch", "environment", "with", "tags"]
OVERRIDES = 3_000
"""Characters of a job's overrides that no construct needs more of; Batch takes 8,192."""

PYTHON = f"""#!{sys.executable}
import json, os, subprocess, sys
arguments = sys.argv[1:]
if arguments[:1] == ["-c"] and "boto3" in arguments[1]:
    environment = {{**os.environ, "PYTHONPATH": os.environ["JUDGE"] + "/modules"}}
    sys.exit(subprocess.call([sys.executable, *arguments], env=environment))
if arguments[:1] == ["-c"]:
    sys.exit(subprocess.call([sys.executable, *arguments]))
if arguments[:2] == ["-m", "metaflow.mflog.tee"]:
    sys.stdout.write(sys.stdin.read())
    sys.exit(0)
seen = {{key: value for key, value in os.environ.items() if key not in ("_", "SHLVL")}}
with open(os.environ["JUDGE"] + "/log", "a") as log:
    log.write(json.dumps([arguments, seen, os.getcwd()], sort_keys=True) + "\\n")
if "set_batch_environment" in " ".join(arguments):
    open(arguments[-1], "w").write("export METAFLOW_PARENT_TASK_IDS=a,b\\n")
if "dump" in arguments:
    sys.exit(1)
if "step" in arguments:
    print("out of the step"); print("err of the step", file=sys.stderr)
    sys.exit(int(os.environ["JUDGE_EXIT"]))
"""
BOTO3 = """
import os, shutil
class Client:
    def download_file(self, bucket, key, file):
        with open(os.environ["JUDGE"] + "/log", "a") as log:
            log.write(f"download {bucket} {key} {file}\\n")
        kept = os.environ["JUDGE"] + "/kept/" + key.rsplit("/", 1)[-1]
        shutil.copy(kept if os.path.exists(kept) else os.environ["JUDGE"] + "/package", file)
def client(name, **options):
    return Client()
"""


class Judge:
    """A folder with the programs that a task calls."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "bin").mkdir(parents=True)
        (folder / "modules").mkdir()
        (folder / "kept").mkdir()
        (folder / "bin" / "python").write_text(PYTHON)
        (folder / "bin" / "python").chmod(0o755)
        (folder / "modules" / "boto3.py").write_text(BOTO3)
        with tarfile.open(folder / "package", "w:gz") as archive:
            archive.addfile(tarfile.TarInfo("flow.py"), io.BytesIO())

    def keep(self, commands: Mapping[str, str]) -> None:
        """Commands that are objects of the datastore, by their names."""
        for name, text in commands.items():
            (self.folder / "kept" / name).write_text(text)

    def run(self, command: list[str], environment: Mapping[str, str], exit_code: int) -> dict[str, Any]:
        """What the task's processes saw, and how it ended."""
        log, work = self.folder / "log", self.folder / "work"
        log.write_text("")
        subprocess.run(["rm", "-rf", str(work)], check=True)
        work.mkdir()
        given = {
            **environment,
            "PATH": f"{self.folder / 'bin'}:/usr/local/bin:/usr/bin:/bin",
            "JUDGE": str(self.folder),
            "JUDGE_EXIT": str(exit_code),
            "METAFLOW_SKIP_INSTALL_DEPENDENCIES": "1",
            "AWS_BATCH_JOB_ID": "job-1",
            "AWS_BATCH_JOB_ATTEMPT": "1",
        }
        ended = subprocess.run(command, cwd=work, env=given, capture_output=True, text=True, check=False)
        files = {
            str(path.relative_to(work)): "" if path.name.startswith("mflog") else path.read_bytes().hex()
            for path in sorted(work.rglob("*"))
            if path.is_file()
        }
        return {
            "exit": ended.returncode,
            "stdout": sorted(ended.stdout.splitlines()),
            "stderr": sorted(ended.stderr.splitlines()),
            "seen": log.read_text().splitlines(),
            "files": files,
        }


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Recording]:
    """The recordings of what is compiled."""
    found: list[Recording] = []
    read = reading.read

    def kept(recording: Recording) -> Reading:
        found.append(recording)
        return read(recording)

    monkeypatch.setattr(reading, "read", kept)
    monkeypatch.setenv("FLOWINFRA_CACHE", str(tmp_path / "cache"))
    return found


@pytest.mark.parametrize("name", RUN)
def test_a_task_sees_what_metaflows_own_command_shows_it(name: str, recorded: list[Recording], tmp_path: Path) -> None:
    flow = for_step_functions(compile_flow(next(each for each in CONSTRUCTS if each.name == name).request()))
    (recording,) = recorded
    theirs = {
        step_of(state): state
        for state in submitting_states(json.loads(recording.one("create_state_machine")["definition"]))
    }
    target, package = flow.step_functions, flow.package.object
    judge = Judge(tmp_path / "judge")
    old = recorded_package(theirs)
    judge.keep(
        {
            each.key.rsplit("/", 1)[-1]: mends.mend_command(each.body.decode())
            for each in recording.objects
            if each.metadata and old not in each.key
        }
    )
    judge.keep({digest: entry.text for digest, entry in flow.objects.items() if entry.text is not None})
    for state in submitting_states(target.definition):
        step = step_of(state)
        job = target.job_definitions[state["Parameters"]["JobDefinition"]].properties
        overrides = theirs[step]["Parameters"]["ContainerOverrides"]
        metaflows = {
            each["Name"]: mends.plain_environment([each], recording.python)[0].get("Value", sample(each["Name"]))
            for each in overrides["Environment"]
        }
        ours = {each["Name"]: each.get("Value", sample(each["Name"])) for each in merged_environment(state, job)}
        command = state["Parameters"]["ContainerOverrides"].get("Command", job["containerProperties"]["command"])
        for exit_code in (0, 3) if step == "start" else (0,):
            expected = judge.run([mends.mend_command(word) for word in overrides["Command"]], metaflows, exit_code)
            found = judge.run(command, ours, exit_code)
            assert expected["exit"] == exit_code
            assert any('"step"' in line for line in expected["seen"])
            assert same(found, package, step) == same(expected, old, step)


def sample(name: str) -> str:
    """What Step Functions puts in place of a path."""
    return '{"alpha": "it\'s $(id) \\u00e4"}' if name == "METAFLOW_PARAMETERS" else f"value-of-{name}"


def recorded_package(states: Mapping[str, State]) -> str:
    environment = next(iter(states.values()))["Parameters"]["ContainerOverrides"]["Environment"]
    sha: str = next(each["Value"] for each in environment if each["Name"] == "METAFLOW_CODE_SHA")
    return sha


def same(seen: dict[str, Any], package: str, step: str) -> Any:
    """What was seen, with one name for the package, which is packed anew; kept commands have names of their own."""
    text = json.dumps(seen).replace(f"/{package[:2]}/{package}", "/PACKAGE").replace(package, "PACKAGE")
    found = json.loads(text)
    found["seen"] = [line for line in found["seen"] if not line.endswith("/tmp/step_command.sh")]
    return found


@pytest.mark.parametrize("name", constructs_of("step-functions"))
def test_jobs_of_constructs_are_small(name: str) -> None:
    target = compiled(name).step_functions
    steps = [step for job in target.job_definitions.values() for step in job.steps]
    states = list(submitting_states(target.definition))
    assert sorted(steps) == sorted(step_of(state) for state in states)
    for state in states:
        assert len(canonical_json(state["Parameters"]["ContainerOverrides"])) < OVERRIDES


def test_most_flows_need_one_job_definition() -> None:
    several = {
        name for name in constructs_of("step-functions") if len(compiled(name).step_functions.job_definitions) > 1
    }
    assert several == {"batch", "fargate", "overrides", "resources", "resources_kubernetes", "schedule_off"}


def test_the_code_package_is_named_in_one_place() -> None:
    flow = compiled("split")
    text = canonical_json(flow.step_functions.model_dump(mode="json"))
    # address and digest
    assert text.count(flow.package.object) == 2
    assert flow.package.object not in canonical_json(flow.step_functions.definition)


def test_a_change_of_one_step_is_a_change_of_its_state_alone(tmp_path: Path) -> None:
    steps = [{"memory": 4096}, {"memory": 8000}]
    before, after = (
        for_step_functions(
            compile_flow(request(write_flow(tmp_path, body=four_steps()), steps={"work": each}))
        ).step_functions
        for each in steps
    )
    states = {step_of(state): state for state in submitting_states(before.definition)}
    changed = [step_of(state) for state in submitting_states(after.definition) if states[step_of(state)] != state]
    assert changed == ["work"]
    assert before.job_definitions == after.job_definitions


def test_a_variable_is_shared_only_if_every_step_has_it_with_a_value() -> None:
    """A job takes none away from its job definition, and Batch drops those that are empty."""

    def state(step: str, **variables: str) -> State:
        return {
            "Type": "Task",
            "Parameters": {
                "JobDefinition": step,
                "Parameters": {"metaflow.step_name": step},
                "ContainerOverrides": {
                    "Command": ["true"],
                    "Environment": [{"Name": name, "Value": value} for name, value in variables.items()],
                },
            },
        }

    steps = {
        "start": state("start", ALL="x", EMPTY="", SOME="x", MOST="x"),
        "a": state("a", ALL="x", EMPTY="x", SOME="x", MOST="x"),
        "end": state("end", ALL="x", EMPTY="x", MOST="y"),
    }
    container = {"type": "container", "containerProperties": {"image": "i"}}
    definition, jobs = share({"StartAt": "start", "States": steps}, dict.fromkeys(steps, container))
    shared = {each["name"]: each["value"] for each in jobs["start"].properties["containerProperties"]["environment"]}
    assert shared == {"ALL": "x", "MOST": "x"}
    own = {
        name: {each["Name"]: each["Value"] for each in found["Parameters"]["ContainerOverrides"]["Environment"]}
        for name, found in definition["States"].items()
    }
    assert own == {
        "start": {"EMPTY": "", "SOME": "x"},
        "a": {"EMPTY": "x", "SOME": "x"},
        "end": {"EMPTY": "x", "MOST": "y"},
    }


def test_variables_of_a_tasks_command_are_no_ones_else(tmp_path: Path) -> None:
    body = four_steps(f"@environment(vars={{'{TASK}RUN': 'x'}})")
    with pytest.raises(CompileError, match=f"step work.*{TASK}RUN"):
        compile_flow(request(write_flow(tmp_path, body=body)))


def four_steps(decorator: str = "") -> str:
    return f"""
    @step
    def start(self):
        self.next(self.work)

    {decorator}
    @step
    def work(self):
        self.next(self.more)

    @step
    def more(self):
        self.next(self.end)

    @step
    def end(self):
        pass
"""
