"""Batch jobs as local processes: what a job finds, and how it ends."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flowinfra.local import calls, platform, run, runner
from flowinfra.local.identity import ACCOUNT
from tests.local.support import Aws, unique, wait_for


def variables(lines: list[str]) -> dict[str, str]:
    return dict(line.split("=", 1) for line in lines if "=" in line)


def test_a_job_has_the_variables_of_batch_and_its_own(aws: Aws) -> None:
    definition = aws.define(properties={"environment": [{"name": "A", "value": "1"}, {"name": "B", "value": "1"}]})
    job = aws.ended_job(aws.submit(definition, "env", overrides={"environment": [{"name": "B", "value": "2"}]}))
    found = variables(aws.output(job))
    expected = {
        "A": "1",
        "B": "2",
        "AWS_BATCH_JOB_ID": job["jobId"],
        "AWS_BATCH_JOB_ATTEMPT": "1",
        "AWS_BATCH_JQ_NAME": platform.NAME,
        "AWS_BATCH_CE_NAME": platform.NAME,
        "AWS_EXECUTION_ENV": "AWS_ECS_EC2",
        "AWS_ENDPOINT_URL": aws.instance.endpoint,
    }
    assert {name: found.get(name) for name in expected} == expected
    assert not [name for name in found if name.startswith(("_FLOWINFRA", "PYTEST", "PULUMI"))]


def test_python_is_the_interpreter_of_the_emulator(aws: Aws) -> None:
    job = aws.ended_job(aws.submit(aws.define(), "python", "-c", "import boto3, requests; print('found')"))
    assert aws.output(job) == ["found"]


def test_a_job_calls_aws_under_its_role(aws: Aws) -> None:
    key = unique("by-job")
    code = f"import boto3; boto3.client('s3').put_object(Bucket='{platform.NAME}', Key='{key}', Body=b'x')"
    job = aws.ended_job(aws.submit(aws.define(), "python", "-c", code))
    assert job["status"] == "SUCCEEDED", aws.output(job)
    (call,) = [each for each in calls.read(aws.state.call_log) if each["resource"].get("Key") == key]
    assert (call["kind"], call["role"], call["service"], call["operation"], call["status"]) == (
        "job",
        platform.JOB_ROLE,
        "s3",
        "PutObject",
        200,
    )


def test_instance_metadata_is_refused_at_once(aws: Aws) -> None:
    code = "import requests; print(requests.get('http://169.254.169.254/latest/').status_code)"
    job = aws.ended_job(aws.submit(aws.define(), "python", "-c", code))
    assert aws.output(job) == ["403"]


def test_exit_code_and_reason(aws: Aws) -> None:
    job = aws.ended_job(aws.submit(aws.define(), "sh", "-c", "echo words; exit 3"))
    assert (job["status"], job["container"]["exitCode"]) == ("FAILED", 3)
    assert job["statusReason"] == "Essential container in task exited"
    assert aws.output(job) == ["words"]


def test_a_command_that_is_not_there(aws: Aws) -> None:
    job = aws.ended_job(aws.submit(aws.define(), "no-such-command"))
    assert (job["status"], job["container"]["exitCode"]) == ("FAILED", 127)


def test_attempts_until_one_succeeds(aws: Aws) -> None:
    definition = aws.define(retryStrategy={"attempts": 3})
    job = aws.ended_job(
        aws.submit(definition, "sh", "-c", "echo $AWS_BATCH_JOB_ATTEMPT; test $AWS_BATCH_JOB_ATTEMPT = 2")
    )
    assert job["status"] == "SUCCEEDED"
    assert [attempt["container"]["exitCode"] for attempt in job["attempts"]] == [1, 0]
    assert aws.output(job) == ["2"]


def test_attempts_that_the_strategy_does_not_repeat(aws: Aws) -> None:
    rules = [{"onExitCode": "7", "action": "EXIT"}, {"onExitCode": "*", "action": "RETRY"}]
    definition = aws.define(retryStrategy={"attempts": 3, "evaluateOnExit": rules})
    assert len(aws.ended_job(aws.submit(definition, "sh", "-c", "exit 7"))["attempts"]) == 1
    assert len(aws.ended_job(aws.submit(definition, "sh", "-c", "exit 8"))["attempts"]) == 3


def test_an_attempt_that_takes_too_long_is_ended(aws: Aws) -> None:
    job = aws.ended_job(aws.submit(aws.define(), "sleep", "600", timeout={"attemptDurationSeconds": 1}))
    assert (job["status"], job["statusReason"]) == ("FAILED", "Job attempt duration exceeded timeout")


def test_terminate_ends_all_processes(aws: Aws, tmp_path: Path) -> None:
    pid_file = aws.state.root / unique("pid")
    job_id = aws.submit(aws.define(), "sh", "-c", f"sleep 600 & echo $! > {pid_file}; wait")
    pid = int(wait_for(lambda: pid_file.exists() and pid_file.read_text().strip()))
    aws.batch.terminate_job(jobId=job_id, reason="enough")
    assert aws.ended_job(job_id)["statusReason"] == "enough"

    def gone() -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        status = Path(f"/proc/{pid}/stat")
        return status.exists() and status.read_text().split()[2] == "Z"

    wait_for(gone)


def test_a_job_that_waits_can_be_cancelled(aws: Aws) -> None:
    definition = aws.define()
    running = [aws.submit(definition, "sleep", "600") for _ in range(4)]
    waiting = aws.submit(definition, "true")
    wait_for(lambda: aws.job(waiting)["status"] == "RUNNABLE")
    aws.batch.cancel_job(jobId=waiting, reason="not needed")
    assert aws.ended_job(waiting)["status"] == "FAILED"
    for job_id in running:
        aws.batch.terminate_job(jobId=job_id, reason="end of the test")
        aws.ended_job(job_id)


@pytest.mark.parametrize(
    ("command", "status"), [("true", "SUCCEEDED"), ("test $AWS_BATCH_JOB_ARRAY_INDEX = 0", "FAILED")]
)
def test_an_array_job_ends_with_its_children(aws: Aws, command: str, status: str) -> None:
    job_id = aws.submit(aws.define(), "sh", "-c", command, arrayProperties={"size": 2})
    job = aws.ended_job(job_id)
    assert job["status"] == status
    assert aws.job(f"{job_id}:0")["status"] == "SUCCEEDED"
    assert aws.job(f"{job_id}:1")["status"] == status


def test_secrets_reach_the_job(aws: Aws) -> None:
    secrets, ssm = run.client(aws.instance, "secretsmanager"), run.client(aws.instance, "ssm")
    plain = secrets.create_secret(Name=unique("plain"), SecretString="one")["ARN"]
    by_key = secrets.create_secret(Name=unique("keys"), SecretString='{"k": "two"}')["ARN"]
    name = f"/{unique('parameter')}"
    ssm.put_parameter(Name=name, Value="three", Type="SecureString")
    definition = aws.define(
        properties={
            "executionRoleArn": platform.role_arn(platform.EXECUTION_ROLE),
            "secrets": [
                {"name": "PLAIN", "valueFrom": plain},
                {"name": "KEY", "valueFrom": f"{by_key}:k::"},
                {"name": "SSM", "valueFrom": f"arn:aws:ssm:us-east-1:{ACCOUNT}:parameter{name}"},
            ],
        }
    )
    job = aws.ended_job(aws.submit(definition, "sh", "-c", "echo $PLAIN $KEY $SSM"))
    assert job["status"] == "SUCCEEDED", job["statusReason"]
    assert aws.output(job) == ["one two three"]
    reads = [call for call in calls.read(aws.state.call_log) if call["resource"].get("SecretId") == plain]
    assert (reads[0]["kind"], reads[0]["role"]) == ("execution", platform.EXECUTION_ROLE)
    log = aws.state.call_log.read_text()
    assert "three" not in log
    assert '"two"' not in log


def test_a_missing_secret_fails_the_job(aws: Aws) -> None:
    arn = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:absent-AbCdEf"
    job = aws.ended_job(aws.submit(aws.define(properties={"secrets": [{"name": "X", "valueFrom": arn}]})))
    assert job["status"] == "FAILED"
    assert job["statusReason"].startswith("ResourceInitializationError: unable to pull secrets")


needs_namespaces = pytest.mark.skipif(
    runner.detect_isolation() is runner.Isolation.NONE, reason="no mount namespaces here"
)


@needs_namespaces
def test_jobs_have_a_tmp_of_their_own(aws: Aws) -> None:
    script = (
        "test ! -e /tmp/step_command.sh && echo mine > /tmp/step_command.sh && sleep 0.3 && cat /tmp/step_command.sh"
    )
    jobs = [aws.submit(aws.define(), "sh", "-c", script) for _ in range(3)]
    assert [aws.output(aws.ended_job(job_id)) for job_id in jobs] == [["mine"]] * 3


def attempt(tmp_path: Path, *command: str) -> runner.Attempt:
    return runner.Attempt(
        command=command, environment={"PATH": os.environ["PATH"]}, folder=tmp_path / "attempt", visible=[tmp_path]
    )


@pytest.mark.parametrize("isolation", list(runner.Isolation))
def test_every_isolation_runs_a_command(tmp_path: Path, isolation: runner.Isolation) -> None:
    if isolation.prefix and runner.detect_isolation() is runner.Isolation.NONE:
        pytest.skip("no mount namespaces here")
    if isolation is runner.Isolation.USER and not _user_namespaces():
        pytest.skip("no user namespaces here")
    flushed: list[None] = []
    script = f"touch {tmp_path}/seen; pwd; echo $HOME; cd $HOME && touch here; echo out; echo err >&2; exit 4"
    outcome = runner.run(
        attempt(tmp_path, "sh", "-c", script), isolation, stop_reason=lambda: None, on_log=lambda: flushed.append(None)
    )
    assert outcome == runner.Outcome(4, None)
    assert (tmp_path / "seen").exists()
    assert flushed
    text = (tmp_path / "attempt" / "log.txt").read_text()
    assert text.endswith("out\nerr\n")


def _user_namespaces() -> bool:
    import subprocess

    trial = [*runner.Isolation.USER.prefix, "true"]
    return subprocess.run(trial, capture_output=True, check=False).returncode == 0


def test_leftovers_of_a_dead_emulator_are_ended(tmp_path: Path) -> None:
    import subprocess
    import sys

    code = (
        "import sys, threading, os; from pathlib import Path; from flowinfra.local import runner\n"
        "folder = Path(sys.argv[1])\n"
        "one = runner.Attempt(['sleep', '600'], {'PATH': os.environ['PATH']}, folder / 'one', [])\n"
        "threading.Thread(target=runner.run, args=(one, runner.Isolation.NONE, lambda: None, lambda: None)).start()\n"
        "group = folder / 'one' / 'group'\n"
        "while not (group.exists() and group.read_text()): pass\n"
        "os._exit(0)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    pid = int((tmp_path / "one" / "group").read_text())
    os.kill(pid, 0)
    runner.end_leftovers(tmp_path)

    def gone() -> bool:
        status = Path(f"/proc/{pid}/stat")
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        return status.exists() and status.read_text().split()[2] == "Z"

    wait_for(gone)
