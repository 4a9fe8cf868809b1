"""`flowinfra.testing`, as a user's tests use it: the guide's own blocks, run by pytest beside a program."""

from __future__ import annotations

import ast
import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pulumi
import pulumi_aws as aws
import pytest

from flowinfra import testing
from flowinfra.testing import Mocks, run
from tests.unit.sources import write_flow

GUIDE = Path(__file__).parents[2] / "docs" / "programs.md"
BLOCKS = dict(re.findall(r"```python\n# (test_\w+\.py)\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.S))
PROGRAM = """
import json
import pulumi_aws as aws
from flowinfra import AirflowFlow, AirflowPlatform, ArgoEvents, ArgoFlow, DagBucket, KubernetesPlatform, Platform
from flowinfra import StepFunctionsFlow

alerts = aws.sns.Topic("alerts")
allowed = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sns:Publish", "Resource": "*"}]}
policy = aws.iam.Policy("publish", policy=json.dumps(allowed))
platform = Platform("metaflow", {"max_vcpus": 32})
given = {"platform": platform, "schedule": {"cron": "0 3 * * ? *"}, "job_policies": [policy.arn]}
flow = StepFunctionsFlow("nightly", {"flow": "flow.py", **given})
events = {"bucket": "bkt", "namespace": "flows", "events": ArgoEvents()}
argo = ArgoFlow("argo", {"flow": "flow.py", "platform": KubernetesPlatform(**events)})
dags = aws.s3.Bucket("dags")
pods = {"bucket": "bkt", "namespace": "flows", "service_account": "metaflow", "dags": DagBucket(dags.bucket)}
airflow = AirflowFlow("airflow", {"flow": "flow.py", "platform": AirflowPlatform(**pods)})
"""


def test_the_guides_tests_pass_beside_a_program(tmp_path: Path, cache: Path) -> None:
    """Whatever a developer is logged in to: no home, no kubeconfig, and AWS is where nobody answers."""
    write_flow(tmp_path)
    assert (tmp_path / "flow.py").is_file()
    for name in ("__main__.py", "infra.py"):
        (tmp_path / name).write_text(PROGRAM)
    assert sorted(BLOCKS) == ["test_infra.py", "test_program.py"]
    for name, text in BLOCKS.items():
        (tmp_path / name).write_text(text)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "FLOWINFRA_CACHE": str(cache),
        "KUBECONFIG": str(tmp_path / "none"),
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    }
    words = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore", ".")
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert "2 passed" in done.stdout, done.stdout + done.stderr


def test_the_docstrings_examples() -> None:
    for made in doctest.DocTestFinder(recurse=True).find(testing, "testing", globs={}):
        if made.examples:
            made.globs |= {"Mocks": Mocks}
            assert doctest.DocTestRunner().run(made).failed == 0, made.name


def test_nothing_but_tests_uses_it() -> None:
    package = GUIDE.parents[1] / "flowinfra"
    for file in package.rglob("*.py"):
        names = {
            name
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [])
        }
        assert "flowinfra.testing" not in names, file


def test_what_is_not_there_is_told() -> None:
    made = run(lambda: aws.sns.Topic("alerts"))
    with pytest.raises(
        LookupError, match=r"0 resources are a Queue, not one; the program made: alerts \(aws:sns/topic"
    ):
        made.one("Queue")


def test_names_and_arns_of_anything_of_aws() -> None:
    found: dict[str, str] = {}

    def program() -> pulumi.Output[None]:
        topic = aws.sns.Topic("alerts")
        role = aws.iam.Role("jobs", name="given", assume_role_policy="{}")
        bucket = aws.s3.Bucket("data", bucket_prefix="acme-")
        named = {"topic": topic.name, "topic arn": topic.arn, "role": role.arn, "bucket": bucket.arn}
        account = aws.get_caller_identity_output().account_id
        return pulumi.Output.all(**named, account=account).apply(lambda known: found.update(known))

    mocks = run(program, mocks=Mocks(account="210987654321", region="eu-west-1"))
    assert mocks.calls == ["aws:index/getCallerIdentity:getCallerIdentity"]
    assert found == {
        "topic": "alerts-1",
        "topic arn": "arn:aws:sns:eu-west-1:210987654321:alerts-1",
        "role": "arn:aws:iam::210987654321:role/given",
        "bucket": "arn:aws:s3:::acme-1",
        "account": "210987654321",
    }


def test_what_a_program_raises_reaches_the_test() -> None:
    def program() -> None:
        raise pulumi.RunError("a mistake in a flow")

    with pytest.raises(pulumi.RunError, match="a mistake in a flow"):
        run(program)
