"""Sources of `@secrets`: read as a task reads them, and what every task would fail with is told at preview."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowinfra.compiler import CompileRequest, compile_flow
from flowinfra.errors import FlowInfraError
from flowinfra.model.compiled import Secret
from flowinfra.targets import TARGETS
from tests.unit.sources import STEPS, request, write_flow

DEFAULT = "METAFLOW_DEFAULT_SECRETS_BACKEND_TYPE"
ROLE = "arn:aws:iam::210987654321:role/reader"


def flow(folder: Path, arguments: str, more: str = "") -> Path:
    return write_flow(folder, body=STEPS.replace("    @step", f"    @secrets({arguments})\n{more}    @step", 1))


def refusal(path: Path, target: str = "step-functions") -> str:
    with pytest.raises(FlowInfraError) as caught:
        compile_flow(CompileRequest(flow=path, target=target))
    return str(caught.value).replace(str(path), "<flow>")


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("source", ["'database-login'", "{'id': 'database-login'}"])
def test_a_source_without_a_backend_is_refused_where_there_is_no_default(
    tmp_path: Path, source: str, target: str
) -> None:
    text = refusal(flow(tmp_path, f"sources=[{source}]"), target)
    assert text.startswith(f"<flow>:9: step start: @secrets: {source} names no backend, and the tasks have no default")
    assert f"`settings: {{{DEFAULT}: aws-secrets-manager}}`" in text


def test_the_setting_or_the_steps_own_variable_is_the_default(tmp_path: Path) -> None:
    secret = Secret(backend="aws-secrets-manager", id="db")
    by_setting = compile_flow(request(flow(tmp_path / "a", "sources=['db']"), settings={DEFAULT: secret.backend}))
    assert by_setting.flow.steps["start"].secrets == (secret,)
    variable = f"    @environment(vars={{'{DEFAULT}': 'aws-secrets-manager'}})\n"
    assert compile_flow(request(flow(tmp_path / "b", "sources=['db']", variable))).flow.steps["start"].secrets == (
        secret,
    )


def test_regions_and_roles_are_those_of_the_source_then_of_the_decorator(tmp_path: Path) -> None:
    mine = {"type": "aws-secrets-manager", "id": "a", "role": f"{ROLE}-of-mine", "options": {"region": "eu-west-1"}}
    path = flow(tmp_path, f"sources=[{mine}, 'aws-secrets-manager.b', 'gcp-secret-manager.c.d'], role='{ROLE}'")
    compiled = compile_flow(request(path))
    assert compiled.flow.steps["start"].secrets == (
        Secret(backend="aws-secrets-manager", id="a", region="eu-west-1", role=f"{ROLE}-of-mine"),
        Secret(backend="aws-secrets-manager", id="b", role=ROLE),
        Secret(backend="gcp-secret-manager", id="c.d"),
    )
    assert [secret.told for secret in compiled.flow.steps["start"].secrets] == [
        f"a in eu-west-1 as {ROLE}-of-mine",
        f"b as {ROLE}",
        "gcp-secret-manager.c.d",
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("sources='aws-secrets-manager.db'", "is not a list; write sources=['aws-secrets-manager.db']"),
        ("sources=[7]", "7 is neither text nor a mapping with an `id`"),
        ("sources=['vault.db']", "Unknown secrets backend type vault (available types: "),
        ("sources=[{'type': 'aws-secrets-manager'}]", "'id' must be a string"),
        (
            "sources=[{'type': 'aws-secrets-manager', 'id': 'x', 'options': {'region': 'Dublin'}}]",
            "found the region 'Dublin', allowed is a name such as eu-west-1",
        ),
        ("sources=['aws-secrets-manager.db'], role='reader'", "found the role 'reader', allowed is the ARN of an"),
    ],
)
def test_what_a_task_would_fail_with_names_step_and_line(tmp_path: Path, arguments: str, words: str) -> None:
    text = refusal(flow(tmp_path, arguments))
    assert text.startswith("<flow>:9: step start: @secrets: ")
    assert words in text


def test_every_source_is_told_and_no_option_is_shown(tmp_path: Path) -> None:
    text = refusal(flow(tmp_path, "sources=['a', {'id': 'b', 'options': {'env_vars': {'KEY': 'hunter2'}}}]"))
    assert len(text.splitlines()) == 2
    assert "hunter2" not in text
