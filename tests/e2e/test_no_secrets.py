"""Secrets planted wherever a user or a shell may have them: none is deployed, kept or shown."""

from __future__ import annotations

import gzip
import json
import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping

import pytest
import yaml

from tests.e2e.support import PLATFORM, Cloud, Done, Project

SHELL = ("AWS_SECRET_ACCESS_KEY", "METAFLOW_SERVICE_AUTH_KEY", "METAFLOW_SERVICE_HEADERS", "PULUMI_CONFIG_PASSPHRASE")
REFERENCE = "arn:aws:secretsmanager:us-east-1:123456789012:secret:metaflow-AbCdEf"
FLOW = f"""
    import os
    from metaflow import Config, FlowSpec, Parameter, environment, schedule, secrets, step

    seen = [os.environ.get(name, "absent") for name in {SHELL!r}]
    print(os.environ)

    def later(context):
        return " ".join(os.environ.get(name, "absent") for name in {SHELL!r})

    @schedule(daily=True)
    class LeakyFlow(FlowSpec):
        config = Config("config", default_value={{"note": " ".join(seen)}})
        note = Parameter("note", default=" ".join(seen))
        later = Parameter("later", default=later)

        @secrets(sources=["aws-secrets-manager.database-login"])
        @environment(vars={{"SEEN": " ".join(seen)}})
        @step
        def start(self):
            self.next(self.end)

        @step
        def end(self):
            pass

    if __name__ == "__main__":
        LeakyFlow()
"""


def planted(place: str) -> str:
    """A secret that occurs nowhere else."""
    return f"{place}-{uuid.uuid4().hex}"


class Search:
    """Secrets, and everything that is looked through for them."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self.secrets = [secret.encode() for secret in secrets]
        self.places = 0

    def refuse(self, where: str, content: bytes | str) -> None:
        """Fail the test if a secret is in there."""
        data = content.encode() if isinstance(content, str) else content
        if data[:2] == b"\x1f\x8b":
            data += gzip.decompress(data)
        self.places += 1
        found = [secret.decode() for secret in self.secrets if secret in data]
        assert found == [], where


@pytest.fixture(scope="module")
def shell() -> dict[str, str]:
    """The shell of whoever deploys; a stack of the test's own has this passphrase."""
    return {name: planted(name) for name in SHELL}


@pytest.fixture(scope="module")
def project(make_project: Callable[[], Project], shell: dict[str, str]) -> Iterator[Project]:
    project = make_project()
    project.write("flow.py", FLOW)
    project.stack = "secretive"
    run(project, shell, "stack", "init", project.stack).succeeded()
    run(project, shell, "config", "set", "--secret", "other:token", shell["AWS_SECRET_ACCESS_KEY"]).succeeded()
    yield project
    run(project, shell, "destroy", "--yes", "--skip-preview").succeeded()


def run(project: Project, shell: dict[str, str], *words: str) -> Done:
    """A command of Pulumi's in that shell."""
    if words[:2] != ("stack", "init"):
        words = (*words, "-s", project.stack)
    variables = {**shell, "FLOWINFRA_USER": "ann", "FLOWINFRA_CACHE": str(project.folder / ".cache")}
    return project.pulumi(*words, cwd=None, **variables)


def configure(project: Project, platform: Mapping[str, object], *flows: Mapping[str, object], **more: object) -> None:
    """Write the stack's file, beside what Pulumi keeps there."""
    file = project.folder / f"stacks/Pulumi.{project.stack}.yaml"
    content = yaml.safe_load(file.read_text())
    own = {"platform": {**PLATFORM, **platform}, "flows": list(flows), **more}
    others = {key: value for key, value in content["config"].items() if not key.startswith("flowinfra:")}
    content["config"] = {
        "aws:region": "us-east-1",
        **others,
        **{f"flowinfra:{key}": value for key, value in own.items()},
    }
    file.write_text(yaml.safe_dump(content))


def test_nothing_of_the_shell_is_deployed_kept_or_shown(cloud: Cloud, project: Project, shell: dict[str, str]) -> None:
    search = Search(shell.values())
    service = {"service_url": "https://metaflow.example/", "service_auth_secret": REFERENCE}
    configure(
        project, service, {"flow": "flow.py", "env": {"NOTE": "harmless"}, "step_functions": {"log_history": True}}
    )

    for words in (("preview", "--diff", "--show-full-output"), ("up", "--yes"), ("preview", "--json")):
        done = run(project, shell, *words).succeeded()
        search.refuse(" ".join(words), done.output)
        if words[-1] == "--json":
            project.write("preview.json", done.stdout)
    for form in ("text", "markdown", "html"):
        report = cloud.flowinfra("report", "preview.json", "-f", form, cwd=project.folder, **shell).succeeded()
        search.refuse(f"report as {form}", report.output)

    machine = cloud.definition("LeakyFlow")
    assert "absent absent absent absent" in machine
    search.refuse("definition", machine)
    for definition in cloud.batch.describe_job_definitions()["jobDefinitions"]:
        search.refuse(definition["jobDefinitionName"], str(definition))
    objects = cloud.s3.list_objects_v2(Bucket=PLATFORM["bucket"], Prefix="metaflow/LeakyFlow/")["Contents"]
    for entry in objects:
        search.refuse(entry["Key"], cloud.s3.get_object(Bucket=PLATFORM["bucket"], Key=entry["Key"])["Body"].read())
    search.refuse("exported state", run(project, shell, "stack", "export").succeeded().output)
    search.refuse("outputs", run(project, shell, "stack", "output", "--json").succeeded().output)
    # state and history of Pulumi, state and logs of the embedded AWS; the project with its stack and the compile cache
    for root in (cloud.state.root, project.folder):
        for file in root.rglob("*"):
            if file.is_file():
                search.refuse(str(file), file.read_bytes())
    assert search.places > 30
    assert "METAFLOW_SERVICE_AUTH_KEY" in str(cloud.batch.describe_job_definitions())


def test_what_is_written_into_a_stack_is_refused_and_not_repeated(
    cloud: Cloud, project: Project, shell: dict[str, str]
) -> None:
    secret = {name: planted(name) for name in ("env", "setting", "config", "parameter", "step", "tag", "policy", "key")}
    search = Search([*secret.values(), *shell.values()])
    before = cloud.changes()
    configure(
        project,
        {
            "service_url": f"https://user:{secret['tag']}@metaflow.example/",
            "service_auth_secret": secret["key"],
            "job_policies": [f"password={secret['policy']}"],
        },
        {
            "flow": "flow.py",
            "env": {"DB_PASSWORD": secret["env"]},
            "settings": {"METAFLOW_SERVICE_AUTH_KEY": secret["setting"]},
            "configs": {"config": {"db": {"password": secret["config"]}}},
            "parameters": {"api_key": secret["parameter"]},
            "steps": {"start": {"environment": {"API_KEY": secret["step"]}}},
            "tags": {"password": secret["tag"]},
            "aws_tags": {"auth-token": secret["tag"]},
            "step_functions": {"batch_tags": {"secretKey": secret["tag"]}},
            "job_policies": [f"api_key:{secret['policy']}"],
        },
    )
    said = run(project, shell, "preview").failed()
    where = rf"stacks/Pulumi\.{project.stack}\.yaml:\d+: flowinfra:"
    for place in (
        "platform.service_url",
        "platform.job_policies[0]",
        "flows[0].env.DB_PASSWORD",
        "flows[0].settings.METAFLOW_SERVICE_AUTH_KEY",
        "flows[0].configs.config.db.password",
        "flows[0].parameters.api_key",
        "flows[0].steps.start.environment.API_KEY",
        "flows[0].tags.password",
        "flows[0].aws_tags.auth-token",
        "flows[0].step_functions.batch_tags.secretKey",
        "flows[0].job_policies[0]",
    ):
        words = "looks like a secret, and would be readable in what is deployed; keep it in"
        assert re.search(f"{where}{re.escape(place)}: {words}", said), place
    assert re.search(rf"{where}platform\.service_auth_secret: found \(not shown\), allowed: the ARN of a secret", said)
    assert "12 problems in this stack" in said
    search.refuse("preview", said)
    failed = run(project, shell, "preview", "--json")
    project.write("failed.json", failed.stdout)
    # Pulumi's own JSON begins with the stack's configuration as its file has it
    told = {key: value for key, value in json.loads(failed.stdout).items() if key != "config"}
    search.refuse("preview as JSON", json.dumps(told) + failed.stderr)
    report = cloud.flowinfra("report", "failed.json", "-f", "markdown", cwd=project.folder)
    search.refuse("report", report.output)

    configure(project, {}, {"flow": "flow.py"})
    for path in ("flows[0].env.NOTE", "flows[0].configs.config.note", "platform.prefix"):
        run(project, shell, "config", "set", "--secret", "--path", f"flowinfra:{path}", secret["key"]).succeeded()
    run(project, shell, "config", "set", "--secret", "flowinfra:name_prefix", secret["env"]).succeeded()
    said = run(project, shell, "preview").failed()
    for path in ("flows[0].env.NOTE", "flows[0].configs.config.note", "platform.prefix", "name_prefix"):
        words = "is a secret, which would be readable in the deployed flow; name a secret of"
        assert re.search(f"{where}{re.escape(path)}: {words}", said), path
    search.refuse("preview of Pulumi's secrets", said)
    assert cloud.changes() == before
