"""A stack's identity in a compiled flow: by path, checked, and nothing left over."""

from __future__ import annotations

import json
import random
import re
import shlex
import string
from typing import Any

import pytest

from flowinfra.components.binding import GRAMMAR_WORDS, deploy_time_parameters, value_problem
from flowinfra.components.site import identity
from flowinfra.errors import BindError, Problems
from flowinfra.model.compiled import GRAMMARS, MARK, CompiledFlow
from flowinfra.targets.step_functions.bound import Bound, Job
from flowinfra.targets.step_functions.bound import bind as bind_with
from flowinfra.targets.step_functions.compiled import StepFunctionsCompiled
from flowinfra.targets.step_functions.states import step_of, submitting_states
from tests.unit.components.compiled import SITE, compiled, plan, site
from tests.unit.expanded import expanded

EXAMPLES = {
    "bucket": ["abc", "my.bucket-1", "a" * 63],
    "gs-bucket": ["abc", "my_bucket.example.com", "a" * 222],
    "container": ["abc", "ml-flows-1", "a" * 63],
    "blob-endpoint": ["https://acme.blob.core.windows.net", "http://127.0.0.1:10000/devstoreaccount1"],
    "prefix": ["metaflow", "a/b/c", "x_y-z.1"],
    "queue": ["q", "Q_1-a", "arn:aws:batch:eu-west-1:123456789012:job-queue/q-1"],
    "table": ["abc", "a.b_c-d", "t" * 255],
    "region": ["us-east-1", "us-gov-west-1"],
    "owner": ["flowinfra"],
    "token": ["flow-0-abcd"],
    "service-url": ["http://h", "https://a.b-c:8080/api/v1/", "https://service.example/x"],
    "job-role": ["arn:aws:iam::123456789012:role/a", "arn:aws-cn:iam::123456789012:role/p/q+=,.@-_"],
    "execution-role": ["arn:aws:iam::123456789012:role/a"],
    "kubernetes-namespace": ["ml", "team-1", "n" * 63],
    "service-account": ["default", "metaflow.jobs-1"],
    "event-name": ["metaflow_flow_run_succeeded", "flow.succeeded"],
    "event-bus": ["default", "bus-1"],
    "event-source": ["argo-events-webhook"],
    "events-service-account": ["operate-workflow-sa"],
    "events-namespace": ["argo-events"],
    "events-webhook": ["http://argo-events-webhook-eventsource-svc.argo:12000/metaflow-event"],
    "events-webhook-auth": ["none", "service"],
}
HOSTILE = ["", "a b", "it's", 'a"b', "$(id)", "`id`", "a\nb", "a;b", "a\\b", "a$b", "ä", "a|b", "a&b", "a>b", "a\n"]


def full_identity(flow: CompiledFlow) -> dict[str, str]:
    return identity(flow, SITE, plan("linear").names)


def bind(flow: StepFunctionsCompiled, values: dict[str, str], parameters: dict[str, Any] | None = None) -> Bound:
    return bind_with(flow, values, lambda arguments: Job(f"job-{len(json.dumps(arguments))}", arguments), parameters)


def test_every_grammar_has_words_and_examples() -> None:
    assert set(GRAMMARS) == set(GRAMMAR_WORDS) == set(EXAMPLES)


@pytest.mark.parametrize("key", sorted(GRAMMARS))
def test_grammars_take_what_aws_takes(key: str) -> None:
    for value in EXAMPLES[key]:
        assert value_problem(key, value) is None


@pytest.mark.parametrize("key", sorted(GRAMMARS))
@pytest.mark.parametrize("value", HOSTILE)
def test_grammars_refuse_what_breaks_json_or_shell(key: str, value: str) -> None:
    problem = value_problem(key, value)
    assert problem is not None
    assert repr(value) in problem
    assert GRAMMAR_WORDS[key] in problem


@pytest.mark.parametrize("key", sorted(GRAMMARS))
def test_whatever_matches_a_grammar_survives_json_and_shell(key: str) -> None:
    """Mutations of examples by every printable character: those that still match are the same after quoting."""
    generator = random.Random(key)
    pattern = re.compile(GRAMMARS[key])
    matched = 0
    for example in EXAMPLES[key]:
        for _ in range(3000):
            position = generator.randrange(len(example) + 1)
            cut = generator.choice((0, 1))
            mutant = example[:position] + generator.choice(string.printable) + example[position + cut :]
            if pattern.fullmatch(mutant):
                matched += 1
                assert json.dumps(mutant) == f'"{mutant}"'
                assert shlex.quote(mutant) == mutant
    # a grammar of a few words has no mutants
    assert matched or all(pattern.fullmatch(word) for word in GRAMMARS[key].split("|"))


@pytest.mark.parametrize(
    "name", ["linear", "foreach", "nested_foreach", "distributed_map", "metadata_service", "fargate", "include_file"]
)
def test_nothing_is_left_over(name: str) -> None:
    flow = compiled(name)
    bound = bind(flow, {**full_identity(flow), "service-url": "https://meta.example"})
    assert MARK not in bound.definition_text
    assert MARK not in json.dumps([job.arguments for job in bound.jobs.values()])


def test_values_land_in_json_inside_json_and_in_shell_words() -> None:
    flow = compiled("include_file")
    bound = bind(flow, full_identity(flow))
    jobs = {job.name: job.arguments for job in bound.jobs.values()}
    start = expanded(bound.definition, jobs)["States"]["start"]["Parameters"]
    variables = {entry["Name"]: entry.get("Value") for entry in start["ContainerOverrides"]["Environment"]}
    defaults = json.loads(variables["METAFLOW_DEFAULT_PARAMETERS"])
    urls = [json.loads(value)["url"] for value in defaults.values() if isinstance(value, str) and "url" in value]
    assert urls
    assert all(url.startswith("s3://bkt/metaflow/data/") for url in urls)
    assert json.loads(variables["METAFLOW_VERSION"])["production_token"] == variables["METAFLOW_PRODUCTION_TOKEN"]
    assert "--datastore-root=s3://bkt/metaflow " in start["ContainerOverrides"]["Command"][-1]


def test_official_clients_find_owner_and_token() -> None:
    flow = compiled("linear")
    definition = bind(flow, full_identity(flow)).definition
    parameters = definition["States"][definition["StartAt"]]["Parameters"]["Parameters"]
    assert parameters["metaflow.owner"] == "flowinfra"
    assert parameters["metaflow.production_token"].startswith(f"{flow.flow.token_prefix}-0-")


def test_a_step_refers_to_the_job_definition_of_its_container() -> None:
    flow = compiled("batch")
    bound = bind(flow, full_identity(flow))
    assert len(bound.jobs) == len({job.name for job in bound.jobs.values()}) == 6
    named = {step_of(state): state["Parameters"]["JobDefinition"] for state in submitting_states(bound.definition)}
    containers = flow.step_functions.job_definitions.items()
    assert named == {step: bound.jobs[key].name for key, definition in containers for step in definition.steps}


def test_all_problems_are_told_at_once_with_flow_key_value_and_what_is_allowed() -> None:
    flow = compiled("foreach")
    values = full_identity(flow) | {"bucket": "My Bucket", "queue": "$(id)"}
    del values["table"]
    with pytest.raises(Problems) as raised:
        bind(flow, values)
    message = str(raised.value)
    assert len(raised.value.errors) == 3
    assert all(isinstance(error, BindError) for error in raised.value.errors)
    assert "ForeachFlow: bucket is 'My Bucket', allowed: 3 to 63 lower-case letters" in message
    assert "queue is '$(id)'" in message
    assert "the flow needs table, which the platform does not have" in message


def test_a_bucket_named_like_a_placeholder_is_only_a_bucket() -> None:
    flow = compiled("linear")
    bound = bind(flow, {**full_identity(flow), "bucket": "flowinfra--prefix"})
    assert "s3://flowinfra--prefix/metaflow" in bound.definition_text


def altered(flow: CompiledFlow, change: Any) -> StepFunctionsCompiled:
    document = flow.model_dump(mode="json")
    change(document)
    return StepFunctionsCompiled.model_validate(document)


def test_a_placeholder_outside_its_sites_is_refused() -> None:
    flow = altered(
        compiled("linear"),
        lambda document: document["step_functions"]["definition"].update(Comment="flowinfra--bucket"),
    )
    with pytest.raises(Problems, match="/step_functions/definition/Comment holds a placeholder"):
        bind(flow, full_identity(flow))


def test_an_unknown_placeholder_is_refused() -> None:
    flow = altered(
        compiled("linear"),
        lambda document: document["placeholders"].update(surprise={"grammar": ".*", "sites": []}),
    )
    with pytest.raises(Problems, match="flowinfra--surprise that this version of flowinfra does not know"):
        bind(flow, full_identity(flow))


@pytest.mark.parametrize("pointer", ["/step_functions/nowhere", "/flow/steps", "/step_functions/definition/States/9"])
def test_a_site_without_text_is_refused(pointer: str) -> None:
    flow = altered(
        compiled("linear"),
        lambda document: document["placeholders"]["bucket"].update(sites=[pointer]),
    )
    with pytest.raises((BindError, Problems), match=r"site|holds a placeholder"):
        bind(flow, full_identity(flow))


def test_deploy_time_values_arrive_as_they_are() -> None:
    flow = compiled("parameters")
    names = deploy_time_parameters(flow)
    assert names
    nasty = 'it\'s "$(id)" `id` ä\n'
    bound = bind(flow, full_identity(flow), dict.fromkeys(names, nasty))
    start = bound.definition["States"][bound.definition["StartAt"]]["Parameters"]["ContainerOverrides"]
    (text,) = [entry["Value"] for entry in start["Environment"] if entry["Name"] == "METAFLOW_DEFAULT_PARAMETERS"]
    assert all(json.loads(text)[name] == nasty for name in names)
    assert MARK not in bound.definition_text


def test_deploy_time_values_must_be_those_that_are_wanted() -> None:
    flow = compiled("parameters")
    with pytest.raises(Problems) as raised:
        bind(flow, full_identity(flow), {"surprise": 1})
    assert f"parameter {deploy_time_parameters(flow)[0]!r} is evaluated at deploy time" in str(raised.value)
    assert "'surprise'; evaluated at deploy time are: " in str(raised.value)


def test_a_command_in_the_datastore_is_named_by_its_bound_text() -> None:
    flow = compiled("compress")
    one, other = bind(flow, full_identity(flow)), bind(flow, {**full_identity(flow), "bucket": "other"})
    assert one.commands
    for digest, command in one.commands.items():
        assert MARK not in command.text
        assert command.key.rsplit("/", 1)[-1] in one.definition_text
        assert digest not in one.definition_text
        assert command.key != other.commands[digest].key


def test_equal_identity_gives_equal_text() -> None:
    first, second = (plan("foreach").bound(site()) for _ in range(2))
    assert first.definition_text == second.definition_text
