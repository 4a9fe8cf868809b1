"""`flowinfra local …` as a user runs it: programs in their own processes, against an emulator in another one."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flowinfra.local import control, run
from flowinfra.local.state import HOME_VARIABLE, State
from tests.local.support import Aws, job_state, machine, unique, wait_for

FLOWINFRA = str(Path(sys.executable).with_name("flowinfra"))
Completed = subprocess.CompletedProcess[str]


def environment(home: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, HOME_VARIABLE: str(home)}


def local(home: Path, *words: str, **options: Any) -> Completed:
    command = [FLOWINFRA, "local", *words]
    options = {"capture_output": True, "text": True, "check": False, "stdin": subprocess.DEVNULL, **options}
    return subprocess.run(command, env=environment(home), **options)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Folder of an emulator that the command has started."""
    folder = tmp_path_factory.mktemp("command") / "home"
    try:
        started = local(folder, "start", "--port", "0", "--max-jobs", "2")
        assert started.returncode == 0, started.stderr
        assert str(folder) in started.stdout
        yield folder
    finally:
        control.stop(State(folder))


@pytest.fixture(scope="module")
def aws(home: Path) -> Aws:
    return Aws(control.require(State(home)), State(home))


def test_a_second_start_finds_the_first(home: Path) -> None:
    first = control.require(State(home))
    again = local(home, "start")
    assert again.returncode == 0
    assert f"runs already at {first.endpoint}" in again.stdout
    assert control.require(State(home)) == first


def test_another_port_than_the_running_one_is_refused(home: Path) -> None:
    other = local(home, "start", "--port", "1")
    assert other.returncode == 1
    assert re.search(r"error: The embedded AWS runs already, on port \d+ \(pid \d+\), not on 1", other.stderr)


def test_a_port_that_is_taken_names_who_has_it(home: Path, tmp_path: Path) -> None:
    running = control.require(State(home))
    taken = local(tmp_path / "other", "start", "--port", str(running.port))
    assert taken.returncode == 1
    assert f"by another embedded AWS, pid {running.pid}" in taken.stderr
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        taken = local(tmp_path / "other", "start", "--port", str(stranger.getsockname()[1]))
    assert taken.returncode == 1
    assert "Choose another" in taken.stderr
    assert "Traceback" not in taken.stderr


def test_only_loopback_addresses_are_served(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "flowinfra.local.server", "--host", "0.0.0.0"]
    done = subprocess.run(
        [*command, "--port", "0", "--state", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "serves loopback addresses only" in done.stderr


def test_an_interpreter_that_does_not_run(tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho no >&2; exit 1\n")
    broken.chmod(0o755)
    done = local(tmp_path / "home", "start", "--port", "0", "--python", str(broken))
    assert done.returncode == 1
    assert "did not start" in done.stderr
    assert "does not run: no" in done.stderr


def test_what_needs_a_running_one_says_so(tmp_path: Path) -> None:
    for words in (("exec", "--", "true"), ("run", "Flow"), ("logs", "a/b")):
        done = local(tmp_path, *words)
        assert done.returncode == 1
        assert "not running. Start it with `flowinfra local start`" in done.stderr
    assert local(tmp_path, "stop").returncode == 0
    shown = local(tmp_path, "status", "--json")
    assert (shown.returncode, json.loads(shown.stdout)) == (3, {"running": False})


def test_status(home: Path, aws: Aws) -> None:
    name = unique("Shown")
    aws.deploy(machine(only={"Type": "Pass", "End": True}), name)
    facts = json.loads(local(home, "status", "--json").stdout)
    assert (facts["running"], facts["endpoint"]) == (True, aws.instance.endpoint)
    assert name in [each["name"] for each in facts["state_machines"]]
    text = local(home, "status").stdout
    assert f"state machine   {name}: 0 executions" in text
    assert "schedules       do not fire" in text


def test_exec_passes_exit_codes_and_output_on(home: Path) -> None:
    done = local(home, "exec", "--", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (done.returncode, done.stdout, done.stderr) == (7, "out\n", "err\n")


def test_exec_of_what_is_not_there(home: Path) -> None:
    done = local(home, "exec", "--", "no-such-program", "--help")
    assert done.returncode == 127
    assert "error: no-such-program cannot be run" in done.stderr


def test_exec_reaches_the_platform(home: Path) -> None:
    code = (
        "import boto3, os\n"
        "print([b['Name'] for b in boto3.client('s3').list_buckets()['Buckets']])\n"
        "queues = boto3.client('batch').describe_job_queues(jobQueues=[os.environ['METAFLOW_BATCH_JOB_QUEUE']])\n"
        "environment = queues['jobQueues'][0]['computeEnvironmentOrder'][0]['computeEnvironment']\n"
        "found = boto3.client('batch').describe_compute_environments(computeEnvironments=[environment])\n"
        "print(found['computeEnvironments'][0]['computeResources']['type'])\n"
        "table = os.environ['METAFLOW_SFN_DYNAMO_DB_TABLE']\n"
        "print(boto3.client('dynamodb').describe_table(TableName=table)['Table']['KeySchema'])\n"
        "print(boto3.client('dynamodb').describe_time_to_live(TableName=table)['TimeToLiveDescription'])\n"
    )
    done = local(home, "exec", "--", "python", "-c", code)
    assert done.stdout.splitlines() == [
        "['metaflow-local']",
        "EC2",
        "[{'AttributeName': 'pathspec', 'KeyType': 'HASH'}]",
        "{'TimeToLiveStatus': 'ENABLED', 'AttributeName': 'ttl'}",
    ], done.stderr


def test_run_follows_a_state_machine_to_its_end(home: Path, aws: Aws) -> None:
    name = unique("Runs")
    definition = aws.define()
    items = {"Type": "Pass", "Result": {"items": [1, 2, 3]}, "Next": "each"}
    inner = machine(work=job_state(definition, "echo", "worked"))
    each = {"Type": "Map", "ItemsPath": "$.items", "Iterator": inner, "End": True}
    aws.deploy(machine(start=job_state(definition, "true", following="items"), items=items, each=each), name)
    done = local(home, "run", name)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    run_id = lines[0]
    assert re.fullmatch(r"sfn-[0-9a-f-]{36}", run_id)
    assert any(line.startswith("start: succeeded") for line in lines)
    assert any(line.startswith("work: succeeded, 3/3 tasks") for line in lines)
    assert lines[-1] == f"{run_id} SUCCEEDED"
    logs = local(home, "logs", f"{run_id}/work")
    assert [line for line in logs.stdout.splitlines() if not line.startswith("==>")] == ["worked"] * 3
    for name in (run_id, run_id.removeprefix("sfn-")):
        assert local(home, "logs", f"{name}/start").stdout == ""
    missing = local(home, "logs", f"{run_id}/nothing")
    assert "Its steps are: start, work" in missing.stderr


def test_run_of_a_failing_state_machine_shows_why(home: Path, aws: Aws) -> None:
    name = unique("Fails")
    script = "for i in $(seq 30); do echo line $i; done; exit 5"
    aws.deploy(machine(bad=job_state(aws.define(), "sh", "-c", script)), name)
    done = local(home, "run", name, "--json")
    assert done.returncode == 3
    told = json.loads(done.stdout)
    assert (told["status"], [step["state"] for step in told["steps"]]) == ("FAILED", ["failed"])
    assert re.search(r"bad/\S+ failed: Essential container in task exited, exit code 5", done.stderr)
    shown = [line.strip() for line in done.stderr.splitlines() if line.startswith("  line")]
    assert shown == [f"line {number}" for number in range(11, 31)]
    assert done.stderr.splitlines()[-1].endswith("FAILED: States.TaskFailed")


def test_run_of_what_is_not_deployed(home: Path) -> None:
    done = local(home, "run", "Nothing")
    assert done.returncode == 1
    assert "Nothing is not deployed on the embedded AWS" in done.stderr


def test_messages_of_topics_and_why_others_have_none(home: Path, aws: Aws) -> None:
    events, sns = run.client(aws.instance, "events"), run.client(aws.instance, "sns")
    opened, closed = sns.create_topic(Name="opened")["TopicArn"], sns.create_topic(Name="closed")["TopicArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": opened,
    }
    sns.set_topic_attributes(
        TopicArn=opened, AttributeName="Policy", AttributeValue=json.dumps({"Statement": [statement]})
    )
    events.put_rule(Name="both", EventPattern='{"source": ["me"]}')
    targets = [{"Id": arn[-6:], "Arn": arn, "Input": '"it failed"'} for arn in (closed, opened)]
    events.put_targets(Rule="both", Targets=targets)
    events.put_events(Entries=[{"Source": "me", "DetailType": "x", "Detail": "{}"}])
    wait_for(lambda: "it failed" in local(home, "messages", "opened").stdout)
    shown = local(home, "messages")
    assert (shown.returncode, shown.stdout) == (0, f'{opened}: 1 message\n  "it failed"\n\n{closed}: 0 messages\n')
    assert shown.stderr == (
        f"not delivered: {closed} (rule both): the topic's policy does not let events.amazonaws.com publish for this "
        "rule\n"
    )
    found = json.loads(local(home, "messages", opened, "--json").stdout)
    assert [each["message"] for each in found["topics"][opened]] == ['"it failed"']
    assert found["lost"] == []
    unknown = local(home, "messages", "other")
    assert (unknown.returncode, "Topics: closed, opened." in unknown.stderr) == (1, True)


def test_detached_runs_go_on(home: Path, aws: Aws) -> None:
    name = unique("Detached")
    aws.deploy(machine(only=job_state(aws.define(), "sleep", "1")), name)
    done = local(home, "run", name, "--detach")
    (run_id,) = done.stdout.splitlines()
    arn = f"arn:aws:states:us-east-1:123456789012:execution:{name}:{run_id.removeprefix('sfn-')}"
    assert aws.ended(arn)["status"] == "SUCCEEDED"


@pytest.mark.parametrize(("choice", "code", "status"), [("stop", 3, "ABORTED"), ("detach", 130, "RUNNING")])
def test_interrupting_a_run(home: Path, aws: Aws, choice: str, code: int, status: str) -> None:
    name = unique("Interrupted")
    aws.deploy(machine(only=job_state(aws.define(), "sleep", "600")), name)
    command = [FLOWINFRA, "local", "run", name, "--on-interrupt", choice]
    with subprocess.Popen(
        command, env=environment(home), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        run_id = process.stdout.readline().strip()
        assert process.stdout.readline().startswith("only: ")
        process.send_signal(signal.SIGINT)
        process.communicate()
    assert process.returncode == code
    progress = control.progress(control.require(State(home)), run_id)
    assert progress.status == status
    if status == "RUNNING":
        aws.states.stop_execution(executionArn=progress.ref)


def test_a_fresh_start_forgets_and_says_so(tmp_path: Path) -> None:
    home = tmp_path / "home"
    state = State(home)
    try:
        assert local(home, "start", "--port", "0").returncode == 0
        first = control.require(state)
        aws = Aws(first, state)
        aws.deploy(machine(only={"Type": "Pass", "End": True}))
        job = aws.submit(aws.define(), "sh", "-c", "echo $$; exec sleep 600")
        log = wait_for(lambda: [path for path in state.jobs.glob("*/log.txt") if path.read_text().strip()])[0]
        pid = int(log.read_text())
        stack = state.pulumi_backend / ".pulumi" / "stacks" / "flowinfra" / "local.json"
        stack.parent.mkdir(parents=True)
        stack.touch()
        assert local(home, "stop").returncode == 0
        assert control.find(state) is None
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        started = local(home, "start", "--port", "0", "--schedules")
        assert "with them its Pulumi stacks: local. Deploy again" in started.stdout
        assert not stack.exists()
        again = Aws(control.require(state), state)
        assert again.states.list_state_machines()["stateMachines"] == []
        assert again.batch.describe_jobs(jobs=[job])["jobs"] == []
        assert "schedules       fire" in local(home, "status").stdout
        assert local(home, "start", "--fresh", "--port", "0").returncode == 0
        assert control.require(state).pid != again.instance.pid
    finally:
        control.stop(state)


def test_a_dead_emulator_is_not_taken_for_a_running_one(tmp_path: Path) -> None:
    home = tmp_path / "home"
    state = State(home)
    try:
        assert local(home, "start", "--port", "0").returncode == 0
        os.kill(control.require(state).pid, signal.SIGKILL)
        wait_for(lambda: not state.locked())
        assert local(home, "status").returncode == 3
        assert local(home, "start", "--port", "0").returncode == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            control.stop(state)


def test_two_starts_at_once_make_one_emulator(tmp_path: Path) -> None:
    home = tmp_path / "home"
    command = [FLOWINFRA, "local", "start", "--port", "0"]
    try:
        starts = [
            subprocess.Popen(command, env=environment(home), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for _ in range(2)
        ]
        outputs = [process.communicate() for process in starts]
        endpoints = {match for out, _ in outputs for match in re.findall(r"http://\S+", out)}
        assert [process.returncode for process in starts] == [0, 0], outputs
        assert len(endpoints) == 1
    finally:
        control.stop(State(home))
