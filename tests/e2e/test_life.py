"""A stack from nothing to nothing: its flows run, `destroy` and `gc` leave what was there before."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from flowinfra.operate.leftover import FOR_RESUME
from tests.e2e.support import PLATFORM, Cloud, Execution, Project, ask

FLOW = "flows/tree/tree_flow.py"


def test_from_nothing_to_nothing(cloud: Cloud, make_project: Callable[[], Project], tmp_path: Path) -> None:
    """A foreach in a foreach, plainly and as a distributed map with compressed commands; then all goes."""
    before = inventory(cloud)
    project = make_project()
    project.flow("tree")
    project.example("parameters")
    make_its_own(project)
    plain: dict[str, Any] = {"flow": FLOW, "name": "TreePlain", "image": "python:3.11-slim"}
    project.configure(
        plain,
        {
            "flow": FLOW,
            "name": "TreeMap",
            "step_functions": {"distributed_map": True, "compress": True, "log_history": True},
        },
        {"flow": "flows/parameters/parameter_flow.py", "name": "TreeParameters"},
    )
    project.up()
    runs = [cloud.start(name) for name in ("TreePlain", "TreeMap")]
    for run in runs:
        run.ended()
    for products in results(cloud, runs, tmp_path):
        assert products == [20, 30, 200, 300]
    del plain["image"]
    project.configure(plain)
    project.up()
    assert json.loads(gc(cloud, project, "--json", code=3).output)["remove"]

    project.destroy()
    gc(cloud, project, "--yes", "--keep-packages")
    assert inventory(cloud) == before
    kinds = {tags["flowinfra:kind"] for tags in tagged_objects(cloud, project)}
    assert "package" in kinds
    assert kinds <= FOR_RESUME
    gc(cloud, project, "--yes", "--with-packages")
    assert list(tagged_objects(cloud, project)) == []
    assert "Nothing to remove" in gc(cloud, project).output


def make_its_own(project: Project) -> None:
    """Change all flows a little: other tests' stacks are still deployed, and gc keeps what they share with this one."""
    for file in project.folder.glob("flows/*/*.*"):
        file.write_text(f"{file.read_text()}\n")


def gc(cloud: Cloud, project: Project, *options: str, code: int = 0) -> Any:
    words = ("local", "exec", "--", "flowinfra", "gc", project.stack, *options)
    done = cloud.flowinfra(*words, cwd=project.folder)
    assert done.code == code, done.output
    return done


def results(cloud: Cloud, runs: list[Execution], folder: Path) -> Any:
    """What each run came to."""
    cloud.flowinfra("local", "exec", "--", "flowinfra", "pull", "TreeFlow", cwd=folder).succeeded()
    script = f"""
        from metaflow import Run, namespace
        namespace(None)
        answer([Run(f"TreeFlow/{{run}}").data.products for run in {[run.run_id for run in runs]!r}])
    """
    return ask(script, cloud.environment, folder)


def inventory(cloud: Cloud) -> dict[str, set[str]]:
    """Names of all that the account has, by kind."""

    def names(service: str, operation: str, key: str, name: str, **arguments: Any) -> set[str]:
        pages = cloud.client(service).get_paginator(operation).paginate(**arguments)
        return {item[name] for page in pages for item in page[key]}

    rules = cloud.client("events").list_rules()["Rules"]
    return {
        "state machines": names("stepfunctions", "list_state_machines", "stateMachines", "name"),
        "job definitions": names(
            "batch", "describe_job_definitions", "jobDefinitions", "jobDefinitionArn", status="ACTIVE"
        ),
        "roles": names("iam", "list_roles", "Roles", "RoleName"),
        "policies": names("iam", "list_policies", "Policies", "PolicyName", Scope="Local"),
        "rules": {rule["Name"] for rule in rules},
        "log groups": names("logs", "describe_log_groups", "logGroups", "logGroupName") - {"/aws/batch/job"},
        "tables": set(cloud.client("dynamodb").list_tables()["TableNames"]),
        "buckets": {bucket["Name"] for bucket in cloud.s3.list_buckets()["Buckets"]},
    }


def tagged_objects(cloud: Cloud, project: Project) -> Iterator[dict[str, str]]:
    """Tags of each object in the datastore that the project's stack made."""
    for page in cloud.s3.get_paginator("list_objects_v2").paginate(Bucket=PLATFORM["bucket"]):
        for item in page.get("Contents", ()):
            answer = cloud.s3.get_object_tagging(Bucket=PLATFORM["bucket"], Key=item["Key"])
            tags = {tag["Key"]: tag["Value"] for tag in answer["TagSet"]}
            if tags.get("flowinfra:project") == project.name:
                yield tags
