"""docs/troubleshooting.md: every text that it quotes is one that somebody is shown."""

from __future__ import annotations

import ast
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from shutil import which

import pytest

from tools.bootstrap.files import cache_folder

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
QUOTED = re.findall(r"```text\n(.*?)\n```", PAGE, re.S)
OTHERS = {
    "ModuleNotFoundError": ModuleNotFoundError.__name__,
    "MetaflowNamespaceMismatch": "metaflow.exception",
    "[409] Conflict: Another update is currently in progress.": "pulumi.automation.errors",
}
"""What is not flowinfra's → where it is from."""
PROGRAMS = {
    "the stack is currently locked by … lock(s).": "pulumi",
    "pending operations from previous deployment.": "pulumi",
    "passphrase must be set with PULUMI_CONFIG_PASSPHRASE": "pulumi",
    "incorrect passphrase": "pulumi",
    "no stack named '…' found": "pulumi",
    "found in the workspace at version v": "pulumi",
    "Unschedulable": "workflow-controller",
    "pod deleted": "workflow-controller",
    "workflow template … not found": "workflow-controller",
    'cannot create resource "workflowtaskresults"': "kube-apiserver",
    "exceeded quota:": "kube-apiserver",
}
"""What a program says → the program, in which the text stands."""
_ECS = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide"
_BATCH = "https://docs.aws.amazon.com/batch/latest/userguide"
ELSEWHERE = {
    "is not authorized to perform: iam:PassRole": "https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_roles.html",
    "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT": f"{_BATCH}/job_stuck_in_runnable.html",
    "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE": f"{_BATCH}/job_stuck_in_runnable.html",
    "CannotPullContainerError": f"{_ECS}/task_cannot_pull_image.html",
    "OutOfMemoryError: Container killed due to memory usage": f"{_ECS}/stopped-task-error-codes.html",
    "Host EC2 (instance …) terminated.": "https://aws.amazon.com/blogs/compute/introducing-retry-strategies-for-aws-batch/",
    "Essential container in task exited": f"{_ECS}/stopped-task-error-codes.html",
    "Container Overrides length must be at most 8192": "https://github.com/Netflix/metaflow/issues/977",
    "States.DataLimitExceeded": "https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html",
    "ImagePullBackOff": "https://kubernetes.io/docs/concepts/containers/images/#imagepullbackoff",
    "OOMKilled": "https://kubernetes.io/docs/tasks/configure-pod-container/assign-memory-resource/",
    # a kubelet's words
    "Pod was active on the node longer than the specified deadline": "https://kubernetes.io/docs/concepts/workloads/controllers/job/#job-termination-and-cleanup",
}
"""What a service says that cannot be asked here → where it is written."""


@cache
def texts() -> tuple[str, ...]:
    """All texts of the package, with `…` for what is put into them."""
    found = []
    for file in (ROOT / "flowinfra").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
            elif isinstance(node, ast.JoinedStr):
                parts = (part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
                found.append("".join(str(part) for part in parts))
    return tuple(found)


def test_it_quotes_and_explains() -> None:
    assert len(QUOTED) > 15
    assert len(set(QUOTED)) == len(QUOTED)
    assert re.search(r"```\n\n(```|#|$)", PAGE) is None, "a text without an explanation"


@pytest.mark.parametrize("quoted", [text for text in QUOTED if text not in {**OTHERS, **PROGRAMS, **ELSEWHERE}])
def test_the_package_says_it(quoted: str) -> None:
    assert any(quoted in text for text in texts())


@pytest.mark.parametrize(("quoted", "home"), sorted(OTHERS.items()))
def test_others_say_it(quoted: str, home: str) -> None:
    assert quoted in QUOTED
    if quoted != home:
        spec = find_spec(home)
        assert spec is not None
        assert spec.origin is not None
        assert quoted in Path(spec.origin).read_text(encoding="utf-8")


@pytest.mark.parametrize(("quoted", "program"), sorted(PROGRAMS.items()))
def test_programs_say_it(quoted: str, program: str) -> None:
    """Each part of the text stands in the program, `%v` and the like where the page has `…`."""
    assert quoted in QUOTED
    path = _program(program)
    if path is None:
        pytest.skip(f"there is no {program} here")
    content = path.read_bytes()
    pattern = re.escape(quoted).replace("…", r"%\w").replace("create", r"(?:create|%s)")
    pattern = pattern.replace('"workflowtaskresults"', r"(?:%q)")
    assert re.search(pattern.encode(), content) is not None


def _program(name: str) -> Path | None:
    found = which(name)
    built = sorted(cache_folder().glob(f"*/bin/{name}"))
    return Path(found) if found else next(iter(built), None)


def test_all_that_others_say_is_on_the_page() -> None:
    assert {*OTHERS, *PROGRAMS, *ELSEWHERE} - {*QUOTED} == set()
