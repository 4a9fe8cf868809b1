"""Whatever is wrong with a flow or a request: one clear message, exit code 1, no traceback, nothing left behind."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import pytest
from click.testing import CliRunner

from flowinfra.cli import main
from flowinfra.compiler import CompileRequest, compile_flow, evaluate_parameters
from flowinfra.errors import CompileError, Problems
from flowinfra.targets import shape_of
from tests.unit.constructs import FLOWS
from tests.unit.interpreters import interpreter
from tests.unit.sources import STEPS, source, write_flow

JOIN = """
    @step
    def start(self):
        self.next(self.a, self.b)

    @step
    def a(self):
        self.next(self.end)

    @step
    def b(self):
        self.next(self.end)

    @step
    def end(self):
        pass
"""
START = """
    @step
    def start(self):
        self.next(self.end)
"""


@dataclass(frozen=True)
class Bad:
    """A flow as text (None where a test has its own) with options, and what is said: `<flow>` is the flow's path."""

    name: str
    message: str
    text: str | None = None
    options: list[str] = field(default_factory=list)


FLOWS_TO_REFUSE = [
    Bad("syntax error", r"<flow>:3: syntax error: .*", source(head="\ndef (:")),
    Bad(
        "not a flow",
        r"<flow>: it starts no flow; the file must end with `if __name__ == '__main__': MyFlow\(\)`",
        "x=1",
    ),
    Bad("empty", r"<flow>: it starts no flow; .*", ""),
    Bad(
        "import error",
        r"<flow>:2: \S+ has no module 'missing_module'; install it there, or name the interpreter that has it .*",
        source(head="import missing_module"),
    ),
    Bad(
        "variable of the shell",
        r"<flow>:3: the variable 'PWD' is not set: a compile sees none of the shell's\. Declare it in `env` .*",
        source(head="import os\nos.environ['PWD']"),
    ),
    Bad("no such key", r"<flow>:2: KeyError: 'PWD'", source(head="{}['PWD']")),
    Bad(
        "half a character",
        r"<flow>: a text of the flow, or a file's name, holds half of a character .*: ….*left\\ud800right.*…",
        source(body=f"    words = Parameter('words', default='left\\ud800right')\n{STEPS}"),
    ),
    *(
        Bad(
            f"a parameter named {name!r}",
            rf"<flow>: Parameter {name!r}: its name has a character other than A-Z, a-z, 0-9, _ and -: .*; rename it",
            source(body=f"    p = Parameter({name!r}, default='x')\n{STEPS}"),
        )
        for name in ("pä", "a.b", "a b")
    ),
    Bad(
        "parameters whose names are one",
        r"<flow>: Parameters 'a-b' and 'a_b': their names differ by - and _ alone, .*; rename one of them",
        source(body=f"    p = Parameter('a-b', default='x')\n    q = Parameter('a_b', default='y')\n{STEPS}"),
    ),
    Bad("error at import", r"<flow>:3: ZeroDivisionError: division by zero", source(head="\n1 / 0")),
    Bad("exit at import", r"<flow>: it starts no flow; .*", source(head="import sys; sys.exit(3)")),
    Bad(
        "one flow and a later one",
        r"<flow>: it starts more than one flow: OtherFlow, SmallFlow; keep one flow per file",
        None,
    ),
    Bad(
        "two flows",
        r"<flow>: it starts more than one flow: OtherFlow, SmallFlow; keep one flow per file",
        source(head=f"class OtherFlow(FlowSpec):\n{STEPS}", body=STEPS + "\nOtherFlow(use_cli=False)\n"),
    ),
    Bad("no end", r"<flow>.*: Validity checker found an issue: .*end.*", source(body=START)),
    Bad("no join", r"<flow>:\d+: Validity checker found an issue: .*", source(body=JOIN)),
    Bad(
        "unreachable step",
        r"<flow>:\d+: Validity checker found an issue: .*lonely.*",
        source(body=STEPS + "\n    @step\n    def lonely(self):\n        self.next(self.end)\n"),
    ),
    Bad(
        "no next",
        r"<flow>:\d+: Validity checker found an issue: .*start.*",
        source(body="    @step\n    def start(self):\n        pass\n" + STEPS[STEPS.index("    @step\n    def end") :]),
    ),
    Bad(
        "trigger on itself",
        r"<flow>:4: @trigger_on_finish of SmallFlow: waits for the end of the flow itself: .*",
        source(decorators='@trigger_on_finish(flow="SmallFlow")'),
    ),
    Bad(
        "two triggers",
        r"<flow>:4: @trigger of SmallFlow: stands beside @trigger_on_finish.*",
        source(decorators='@trigger(event="x")\n@trigger_on_finish(flow="X")'),
    ),
    Bad(
        "several triggers, of which one sets no parameter",
        r"<flow>:4: @trigger of SmallFlow: its events: Parameter gone defined in the event mappings .* not found .*",
        source(decorators='@trigger(events=["a", {"name": "b", "parameters": {"gone": "day"}}])'),
    ),
    Bad(
        "several triggers without a required parameter",
        r"<flow>:6: parameter day: is required and has no default, and no event of the flow sets it: .*",
        source(decorators='@trigger(events=["a", "b"])', body=f"    day = Parameter('day', required=True)\n{STEPS}"),
    ),
    Bad(
        "several triggers, one of them the flow itself",
        r"<flow>:4: @trigger_on_finish of SmallFlow: waits for the end of the flow itself: .*",
        source(decorators='@trigger_on_finish(flows=["X", "SmallFlow"])'),
    ),
    Bad(
        "several triggers that are one",
        r".*(twice|[Dd]uplicate).*",
        source(decorators='@trigger(events=["a", "a"])'),
    ),
    Bad(
        "several flows that are one",
        r".*(twice|[Dd]uplicate).*",
        source(decorators='@trigger_on_finish(flows=["X", "X"])'),
    ),
    Bad(
        "trigger of no parameter",
        r"<flow>:4: @trigger of SmallFlow: its events: Parameter gone defined in the event mappings .* not found .*",
        source(decorators='@trigger(event={"name": "x", "parameters": {"gone": "day"}})'),
    ),
    Bad(
        "trigger without a required parameter",
        r"<flow>:6: parameter day: is required and has no default, and no event of the flow sets it: .*",
        source(decorators='@trigger_on_finish(flow="X")', body=f"    day = Parameter('day', required=True)\n{STEPS}"),
    ),
    Bad(
        "trigger with other options",
        r"<flow>:4: @trigger of SmallFlow: options=.*: write .*reset_at.*",
        source(decorators='@trigger(event="x", options={"every": 1})'),
    ),
    Bad(
        "trigger of half a project",
        r"<flow>:4: @trigger_on_finish of SmallFlow: its events: Incomplete project info.*",
        source(decorators='@trigger_on_finish(flow={"name": "X", "project": "p"})'),
    ),
    Bad(
        "exit hook",
        r"<flow>:\d+: @exit_hook of SmallFlow: .*@trigger_on_finish\(flow='SmallFlow'\).*state_machine: SmallFlow.*",
        source(head="def f(): pass", decorators="@exit_hook(on_success=[f])"),
    ),
    Bad(
        "timezone",
        r"<flow>: @schedule: 'Europe/Pariss' is not a timezone \(did you mean 'Europe/Paris'\?\); EventBridge .*",
        source(decorators='@schedule(daily=True, timezone="Europe/Pariss")'),
    ),
    Bad("parallel", r"<flow>: .*@parallel.*not supported.*", (FLOWS / "parallel" / "flow.py").read_text()),
    Bad("switch", r"<flow>:8: step start: is a switch to light, heavy; .*", (FLOWS / "switch" / "flow.py").read_text()),
    Bad("long name", r"<flow>: .*longer than 80 characters.*", source(name="A" * 81)),
    Bad(
        "scheduled required parameter",
        r"<flow>:6: .*wanted.*",
        source(decorators="@schedule(daily=True)", body=f"    wanted = Parameter('wanted', required=True){STEPS}"),
    ),
    Bad(
        "included file missing",
        r"<flow>:6: Parameter field failed: .* could not open file 'missing.txt' for reading; it was looked for in .*",
        source(body=f"    f = IncludeFile('f', default='missing.txt'){STEPS}"),
    ),
    Bad(
        "config file missing",
        r"<flow>.*missing\.json.*",
        source(body=f"    c = Config('c', default='missing.json'){STEPS}"),
    ),
    Bad("config of bad JSON", r"<flow>.*c.*", source(body=f"    c = Config('c', default_value='{{'){STEPS}")),
    Bad(
        "reserved mark",
        r"<flow>: parameters/p/default \('flowinfra--surprise'\) holds 'flowinfra--', which marks .*",
        source(body=f"    p = Parameter('p', default='flowinfra--surprise'){STEPS}"),
    ),
    Bad(
        "reserved identity",
        r"<flow>: parameters/p/default \('flowinfra--bucket'\) holds .*",
        source(body=f"    p = Parameter('p', default='flowinfra--bucket'){STEPS}"),
    ),
    Bad(
        "time limit below a minute",
        r"<flow>:\d+: .*60 seconds.*",
        source(body=STEPS.replace("@step", "@timeout(seconds=5)\n    @step", 1)),
    ),
    Bad(
        "project",
        r"<flow>: is part of @project\(name='p'\); give branch or production .*",
        source(decorators='@project(name="p")'),
    ),
]

REQUESTS_TO_REFUSE = [
    Bad("unknown target", r"<flow>: unknown target 'cron'; known: step-functions.*", options=["-t", "cron"]),
    Bad("unknown option", r"<flow>: no such option: --surprise.*", options=["--", "--surprise"]),
    Bad(
        "branch without project", r"<flow>: branch is given, but the flow has no @project", options=["--branch", "main"]
    ),
    Bad(
        "production without project",
        r"<flow>: production is given, but the flow has no @project",
        options=["--production"],
    ),
    Bad(
        "tag with space",
        r"<flow>: tags: 'a b' would not reach the task unchanged; allowed are .*",
        options=["--tag", "a b"],
    ),
    Bad("tag that runs", r"<flow>: tags: '\$\(id\)' would not.*", options=["--tag", "$(id)"]),
    Bad("namespace with quote", r"<flow>: namespace: .* would not reach.*", options=["--namespace", "it's"]),
    Bad("authorize", r"<flow>: option --authorize is not for compiling: .*", options=["--", "--authorize", "x"]),
    Bad("new token", r"<flow>: option --new-token is not for compiling: .*", options=["--", "--new-token=x"]),
    Bad(
        "only json",
        r"<flow>: option --only-json is not for compiling: .*is data anyway.*",
        options=["--", "--only-json"],
    ),
    Bad("help", r"<flow>: option --help is not for compiling: .*", options=["--", "--help"]),
    Bad(
        "bucket setting",
        r"<flow>: settings: METAFLOW_DATASTORE_SYSROOT_S3 belongs to the stack's platform.*",
        options=["--setting", "METAFLOW_DATASTORE_SYSROOT_S3=s3://x"],
    ),
    Bad(
        "namespace of tasks on Airflow",
        r"<flow>: settings: METAFLOW_KUBERNETES_NAMESPACE belongs to the stack's platform \(airflow\.namespace\), .*",
        options=["-t", "airflow", "--setting", "METAFLOW_KUBERNETES_NAMESPACE=x"],
    ),
    Bad(
        "key of the service",
        r"<flow>: settings: METAFLOW_SERVICE_AUTH_KEY belongs .*",
        options=["--setting", "METAFLOW_SERVICE_AUTH_KEY=x"],
    ),
    Bad(
        "prefix setting",
        r"<flow>: settings: METAFLOW_SFN_STATE_MACHINE_PREFIX is given by name_prefix",
        options=["--setting", "METAFLOW_SFN_STATE_MACHINE_PREFIX=x"],
    ),
    Bad("other setting", r"<flow>: settings: X is not a METAFLOW_\* setting; .*", options=["--setting", "X=1"]),
    Bad(
        "setting as env",
        r"<flow>: env: METAFLOW_X is a Metaflow setting and goes to settings",
        options=["--env", "METAFLOW_X=1"],
    ),
    Bad("setting without value", r"--setting X: give NAME=VALUE", options=["--setting", "X"]),
    Bad(
        "env that is not set",
        r"--env NOT_SET_ANYWHERE: give NAME=VALUE, or set it",
        options=["--env", "NOT_SET_ANYWHERE"],
    ),
    Bad(
        "config file",
        r"<flow>: Config 'c': file \S*/missing\.json does not exist",
        options=["--config", "c", "/x/missing.json"],
    ),
    Bad(
        "unknown config",
        r"<flow>: configs: the flow has no Config 'c' \(it has: none\)",
        options=["--config-value", "c", "1"],
    ),
    Bad(
        "interpreter",
        r"<flow>: python: no-such-python is not a program that can be run",
        options=["--python", "no-such-python"],
    ),
    Bad(
        "interpreter that is none", r"<flow>: /bin/true ended without an answer: .*", options=["--python", "/bin/true"]
    ),
    Bad("mark in an option", r"<flow>: an option holds 'flowinfra--', .*", options=["--name", "flowinfra--bucket"]),
    Bad(
        "unknown parameter",
        r"<flow>: parameters: the flow has no parameter 'alhpa'; did you mean 'alpha'\? \(it has: alpha, note\)",
        options=["--param", "alhpa", "1"],
    ),
    Bad(
        "parameter type",
        r"<flow>: parameters\.alpha: 'high' does not fit type float",
        options=["--param", "alpha", "high"],
    ),
    Bad(
        "parameter type of text", r"<flow>: parameters\.note: 3 does not fit type str", options=["--param", "note", "3"]
    ),
    Bad("unknown decorator", r"<flow>: .*surprise.*", options=["--with", "surprise"]),
    Bad("long name", r"<flow>: .*longer than 80 characters.*", options=["--name", "a" * 81]),
    Bad("name of other characters", r"<flow>: .*contains invalid characters.*", options=["--name", "a b"]),
    Bad("max workers", r"<flow>: .*max.workers.*", options=["--", "--max-workers=many"]),
]
LINEAR = FLOWS / "overrides" / "flow.py"


def compile_badly(flow: Path, options: list[str], out: Path) -> str:
    """The message with which the command refuses; asserts that it ends as it should."""
    before, _, after = "\0".join(options).partition("--\0")
    first, rest = [o for o in before.split("\0") if o], [o for o in after.split("\0") if o]
    result = CliRunner().invoke(main, ["compile", str(flow), "-o", str(out), *first, *(["--", *rest] if rest else [])])
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert "Traceback" not in result.stderr
    assert not out.exists()
    return result.stderr.removeprefix("error: ").rstrip("\n")


def check(message: str, pattern: str, flow: Path) -> None:
    assert re.fullmatch(pattern.replace("<flow>", re.escape(str(flow))), message, re.DOTALL), message


@pytest.mark.parametrize("bad", FLOWS_TO_REFUSE, ids=lambda bad: bad.name)
def test_flow_is_refused(bad: Bad, tmp_path: Path) -> None:
    text = bad.text
    if text is None:
        text = source() + source(name="OtherFlow").replace("from metaflow import *", "")
    flow = write_flow(tmp_path, text)
    check(compile_badly(flow, bad.options, tmp_path / "out.flow"), bad.message, flow)


@pytest.mark.parametrize("bad", REQUESTS_TO_REFUSE, ids=lambda bad: bad.name)
def test_request_is_refused(bad: Bad, tmp_path: Path) -> None:
    check(compile_badly(LINEAR, bad.options, tmp_path / "out.flow"), bad.message, LINEAR)


SITE = Path(sysconfig.get_path("purelib"))


def metaflow_that(folder: Path, file: str, old: str, new: str) -> str:
    """An interpreter whose Metaflow differs in one place."""
    text = (SITE / "metaflow" / file).read_text(encoding="utf-8")
    assert old in text
    site = (
        Path(interpreter(folder, {})).parent.parent
        / "lib"
        / f"python{sysconfig.get_python_version()}"
        / "site-packages"
    )
    shutil.copytree(SITE / "metaflow", site / "metaflow", copy_function=os.symlink, symlinks=True)
    (site / "metaflow" / file).unlink()
    (site / "metaflow" / file).write_text(text.replace(old, new), encoding="utf-8")
    return str(folder / "bin" / "python")


SFN = "plugins/aws/step_functions"


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (
            f"{SFN}/step_functions_client.py",
            "state_machine_arn = self.get_state_machine_arn(name)\n",
            "state_machine_arn = self._client.tag_resource(tags=[])\n",
            r"makes a call that flowinfra does not know: stepfunctions\.tag_resource",
        ),
        (
            f"{SFN}/event_bridge_client.py",
            'get_aws_client("events")',
            'get_aws_client("scheduler")',
            r"makes a call that flowinfra does not know: scheduler\.disable_rule",
        ),
        (
            "plugins/aws/aws_client.py",
            "cached_provider_class",
            "provider_class",
            r"lacks metaflow\.plugins\.aws\.aws_client\.cached_provider_class",
        ),
        (
            f"{SFN}/step_functions_cli.py",
            "def make_flow(",
            "def make_the_flow(",
            r"lacks metaflow\.plugins\.aws\.step_functions\.step_functions_cli\.make_flow",
        ),
        (
            f"{SFN}/step_functions.py",
            '"parameters %s && . `pwd`/%s"',
            '"parameters --file %s && . `pwd`/%s"',
            r"sends what flowinfra does not understand \(ValueError: its tasks export their parameters .*\)",
        ),
    ],
    ids=["call", "service", "provider", "function", "command"],
)
def test_a_metaflow_that_does_something_else_is_refused(
    file: str, old: str, new: str, message: str, tmp_path: Path
) -> None:
    python = metaflow_that(tmp_path / "venv", file, old, new)
    flow = FLOWS / "linear" / "flow.py"
    found = compile_badly(flow, ["--python", python], tmp_path / "out.flow")
    check(
        found, rf"<flow>: Metaflow {version('metaflow')} {message}; use a version that this flowinfra supports .*", flow
    )


def test_an_interpreter_without_metaflow_is_said(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    found = compile_badly(LINEAR, ["--python", python], tmp_path / "out.flow")
    check(found, rf"<flow>: {re.escape(python)} has no module 'metaflow'; install it there, .*", LINEAR)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("flow.R", "is an R flow; flowinfra compiles Python flows only"),
        ("flow.txt", r"is not a \.py file"),
        ("missing.py", r"does not exist; give the \.py file of a Metaflow flow"),
        ("folder", r"is a folder; give the \.py file of a Metaflow flow"),
    ],
)
def test_file_that_is_no_flow_is_refused(name: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "flow.R").touch()
    (tmp_path / "flow.txt").touch()
    (tmp_path / "folder").mkdir()
    check(compile_badly(tmp_path / name, [], tmp_path / "out.flow"), f"<flow>: {message}", tmp_path / name)


def test_error_in_a_module_beside_the_flow_names_its_line(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("\n\nimport json\njson.loads('{')\n")
    flow = write_flow(tmp_path, head="import beside")
    found = compile_badly(flow, [], tmp_path / "out.flow")
    check(found, rf"{re.escape(str(tmp_path / 'beside.py'))}:4: JSONDecodeError: .*", flow)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "latin-1"])
def test_a_source_is_read_in_the_encoding_that_python_takes_it_for(encoding: str, tmp_path: Path) -> None:
    text = "# -*- coding: latin-1 -*-\n" if encoding == "latin-1" else ""
    flow = tmp_path / "flow.py"
    flow.write_text(text + source(head="# café", decorators="@schedule(dayly=True)"), encoding=encoding)
    found = compile_badly(flow, [], tmp_path / "out.flow")
    check(found, rf"<flow>:{5 if text else 4}: flow SmallFlow: Unknown decorator attribute: .*", flow)
    flow.write_text(text + source(head="# café"), encoding=encoding)
    assert compile_flow(CompileRequest(flow=flow)).flow.name == "SmallFlow"


def test_error_of_a_deploy_time_function_names_its_line(tmp_path: Path) -> None:
    head = "def today(context):\n    return {}['missing']"
    flow = write_flow(tmp_path, head=head, body=f"    p = Parameter('p', default=today){STEPS}")
    with pytest.raises(CompileError) as caught:
        evaluate_parameters(CompileRequest(flow=flow), "ann")
    check(str(caught.value), r"<flow>:3: the deploy-time function of parameter 'p': KeyError: 'missing'", flow)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ({"steps": {"plian": {"cpu": 2}}}, r"<flow>: steps: the flow has no step 'plian'; did you mean 'plain'\? .*"),
        ({"steps": {"plain": {"cpus": 2}}}, r"<flow>: steps\.plain: unknown override 'cpus'; known: cpu, .*"),
        (
            {"steps": {"decorated": {"timeout": 601}}},
            r"<flow>: steps\.decorated\.timeout: 601 s is longer than the step's own @timeout of 600 s, .*",
        ),
        ({"schedule": "0 3 * * ? *", "steps": {"plain": {"timeout": 5}}}, r"<flow>:\d+: .*60 seconds.*"),
        ({"schedule": "every day"}, r"<flow>: schedule\.cron: 'every day': it has 2 fields; AWS takes six .*"),
        ({"schedule": "0 3 * * * *"}, r"<flow>: schedule\.cron: '0 3 \* \* \* \*': of day of .* exactly one"),
        (
            {"schedule": "0 24 * * ? *"},
            r"<flow>: schedule\.cron: '0 24 \* \* \? \*': it has the hour 24; AWS takes 0 to 23",
        ),
        ({"package_include": ["*.missing"]}, r"<flow>: package\.include: '\*\.missing' matches no file.*"),
        ({"branch": "it's"}, r"<flow>: branch: .*"),
    ],
)
def test_override_is_refused(shape: dict[str, object], message: str) -> None:
    with pytest.raises(CompileError) as caught:
        compile_flow(CompileRequest(flow=LINEAR, shape=shape_of("step-functions", shape)))
    check(str(caught.value), message, LINEAR)


def test_several_problems_are_said_at_once() -> None:
    shape = shape_of("step-functions", {"tags": ["a b"], "settings": {"X": "1"}, "extra": ["--new-token"]})
    with pytest.raises(Problems) as caught:
        compile_flow(CompileRequest(flow=LINEAR, target="cron", shape=shape))
    assert len(caught.value.errors) == 4
    assert str(caught.value).count("\n- ") == 3
