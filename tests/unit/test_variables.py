"""Variables that a flow asks for: told where nobody declares them, with what tasks see, and a matter of the cache."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowinfra.compiler import CompileRequest, compile_flow, evaluate_parameters
from flowinfra.errors import CompileError, Problems
from flowinfra.model.compiled import CompiledFlow
from flowinfra.targets import TARGETS
from tests.unit.sources import STEPS, write_flow

HEAD = """
import os, string
STAGE = os.environ.get("STAGE", "dev")
TOKEN = os.getenv("API_TOKEN", "hunter2")
try:
    CAUGHT = os.environ["CAUGHT"]
except KeyError:
    CAUGHT = ""
GUARDED = os.environ["GUARDED"] if "GUARDED" in os.environ else ""
THROUGH = string.Template("$NAMED").safe_substitute(os.environ), os.path.expandvars("$EXPANDED")
ON_BATCH = "AWS_BATCH_JOB_ID" in os.environ
"""
BODY = STEPS.replace("    @step", "    @environment(vars={'STAGE': STAGE})\n    @step", 1)


def compiled(flow: Path, target: str = "step-functions", **env: str) -> tuple[CompiledFlow, list[str]]:
    """The flow, and what the compile warns of."""
    told: list[str] = []
    made = compile_flow(CompileRequest(flow, target, env=env), told.append)
    return made, [text.replace(str(flow), "<flow>") for text in told]


@pytest.mark.parametrize("target", TARGETS)
def test_what_nobody_declares_is_told_once_with_what_tasks_see(tmp_path: Path, target: str) -> None:
    flow = write_flow(tmp_path, head=HEAD, body=BODY)
    _, told = compiled(flow, target)
    assert told[0] == (
        "<flow>:4: reads the variable STAGE, which nobody declares: the compile took the default 'dev'. By "
        "@environment it is 'dev' in tasks of start; in those of end it is not set unless their image sets it. Declare "
        "it in `env` (on the command line --env) for the compile, and give it to the tasks that need it: "
        "@environment(vars=…), or `steps: {NAME: {environment: {STAGE: …}}}`"
    )
    assert told[1].startswith(
        "<flow>:5: reads the variable API_TOKEN, which nobody declares: the compile took the default (not shown). The "
        "module is imported in every task too, where it is not set unless their image sets it. Declare it"
    ), told[1]
    assert [text.split(",")[0] for text in told[2:]] == [
        "<flow>:7: reads the variable CAUGHT",
        "<flow>:10: reads the variable GUARDED",
        "<flow>:11: reads the variable NAMED",
        "<flow>:11: reads the variable EXPANDED",
    ]
    names = ("STAGE", "API_TOKEN", "CAUGHT", "GUARDED", "NAMED", "EXPANDED")
    assert compiled(flow, target, **dict.fromkeys(names, "x"))[1] == []


def test_the_digest_concerns_only_what_is_read(tmp_path: Path) -> None:
    flow = write_flow(tmp_path, head="import os\nSTAGE = os.environ.get('STAGE', 'dev')")
    plain, _ = compiled(flow)
    assert compiled(flow, OTHER="1")[0].to_json() == plain.to_json()
    prod, _ = compiled(flow, STAGE="prod", OTHER="1")
    assert list(prod.shape.env) == ["STAGE"]
    assert compiled(flow, STAGE="test")[0].digest not in {plain.digest, prod.digest}
    # from the cache, each as it was, with its warnings
    again, told = compiled(flow)
    assert (again.digest, len(told)) == (plain.digest, 1)
    assert compiled(flow, STAGE="prod")[0].digest == prod.digest


def test_what_a_task_would_fail_without(tmp_path: Path) -> None:
    flow = write_flow(tmp_path, head="import os\nSTAGE = os.environ['STAGE']", body=BODY)
    with pytest.raises(CompileError) as caught:
        compiled(flow)
    words = str(caught.value)
    assert "the variable 'STAGE' is not set: a compile sees none of the shell's. Declare it in `env`" in words
    assert (
        "Every task imports the module, too: give it to all steps by @environment(vars=…) or `steps: {NAME: " in words
    )
    [told] = compiled(flow, STAGE="prod")[1]
    assert told.startswith(
        "<flow>:3: needs the variable STAGE whenever the module is imported, which every task does too: the tasks of "
        "end fail unless their image sets it, for `env` is for the compile alone. Give it to them: "
    )


def test_a_flow_that_looks_through_all(tmp_path: Path) -> None:
    flow = write_flow(tmp_path, head="import os\nAPP = {k: v for k, v in os.environ.items() if k.startswith('APP_')}")
    plain, [told] = compiled(flow)
    assert told.startswith(
        "<flow>:3: looks through all variables of the environment, and a compile sees none of the shell"
    )
    one, nothing = compiled(flow, APP_ONE="1")
    assert nothing == []
    assert (list(one.shape.env), one.digest != plain.digest) == (["APP_ONE"], True)


LATER = """
import os, socket, subprocess
def commit(context):
    return subprocess.check_output(["git", "rev-parse", "HEAD"], text=True)
def remote(context):
    return socket.create_connection(("example.com", 80))
def shell(context):
    return os.environ["SOMETHING"]
def fine(context):
    return os.environ["DECLARED"]
"""


def test_every_deploy_time_function_that_fails_is_told_as_one(tmp_path: Path) -> None:
    names = ("commit", "remote", "shell", "fine")
    parameters = "".join(f"    {name} = Parameter('{name}', default={name})\n" for name in names)
    flow = write_flow(tmp_path, head=LATER, body=parameters + STEPS)
    with pytest.raises(Problems) as caught:
        evaluate_parameters(CompileRequest(flow, env={"DECLARED": "yes"}), "ann")
    told = sorted(str(error).replace(str(flow), "<flow>") for error in caught.value.errors)
    hermetic = (
        "Deploy-time functions are hermetic, as a compile is: no network, no programs, no credentials, no files wr"
    )
    function = "the deploy-time function of parameter"
    assert [text.partition(". Deploy")[0] for text in told] == [
        f"<flow>:16: {function} 'commit': it started a program (git rev-parse HEAD) at <flow>:5",
        f"<flow>:17: {function} 'remote': it opened a network connection (socket.getaddrinfo example.com 80 0 1 0) at "
        "<flow>:7",
        f"<flow>:9: {function} 'shell': the variable 'SOMETHING' is not set: it sees none of the shell's",
    ]
    assert all(hermetic in text for text in told)
