"""A program of one's own whose Outputs do not fit; that those of examples/ deploy is tests/e2e/test_no_changes.py's."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.engine.conftest import Cloud

pytestmark = pytest.mark.engine
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.mark.parametrize(
    ("bucket", "tags", "said"),
    [
        ("My Bucket", "{}", "bad_ParameterFlow: bucket is 'My Bucket', allowed: 3 to 63"),
        (
            "metaflow-local",
            "{'owner': pulumi.Output.secret('hunter2')}",
            "aws_tags.owner is a secret, and aws_tags are shown to everybody",
        ),
    ],
)
def test_an_output_that_does_not_fit_is_one_message_and_nothing_is_touched(
    bucket: str, tags: str, said: str, cloud: Cloud, tmp_path: Path
) -> None:
    shutil.copytree(EXAMPLES / "flows" / "parameters", tmp_path / "flow")
    (tmp_path / "Pulumi.yaml").write_text("name: bad-output\nruntime: python\n")
    (tmp_path / "__main__.py").write_text(
        "import pulumi\n"
        "from flowinfra import Platform, StepFunctionsFlow\n"
        f"bucket = pulumi.Output.from_input('{bucket}')\n"
        "platform = Platform.existing(bucket=bucket, queue='metaflow-local', name_prefix='bad')\n"
        f"tags = {tags}\n"
        "args = {'flow': 'flow/parameter_flow.py', 'platform': platform, 'aws_tags': tags}\n"
        "StepFunctionsFlow('flow', args)\n"
    )

    def pulumi(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["pulumi", *words, "-s", "local", "--non-interactive"],
            cwd=tmp_path,
            env={**os.environ, **cloud.environment},
            capture_output=True,
            text=True,
            timeout=300,
        )

    pulumi("stack", "init")
    for words in (("preview",), ("up", "--yes", "--skip-preview")):
        done = pulumi(*words)
        assert done.returncode != 0
        assert said in done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr
        assert "hunter2" not in done.stdout + done.stderr
    roles = cloud.client("iam").get_paginator("list_roles").paginate()
    assert not [role for page in roles for role in page["Roles"] if role["RoleName"].startswith("bad-output")]
