"""aws:batch/jobDefinition:JobDefinition.

After terraform-provider-aws `internal/service/batch/job_definition.go` and `container_properties.go`: the name
replaces, any other change than tags registers a revision in place, `deregisterOnNewRevision` (default: true)
then deregisters the one before, and a delete deregisters every active revision of the name.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from typing import Any

from flowinfra.local.plugin.cloud import Scope, explained
from flowinfra.local.plugin.resource import Created, Resource, State, present, tag_changes
from flowinfra.plugin.checks import at_least, between, length, matches, one_of, worded
from flowinfra.plugin.schema import Problem, Schema, block, flag, listing, strings, text, whole
from flowinfra.plugin.wire import UNKNOWN

NAME = worded(
    r"^[0-9A-Za-z]{1}[0-9A-Za-z_-]{0,127}$",
    '"{name}" ("{value}") must be up to 128 letters (uppercase and lowercase), numbers, underscores and dashes, '
    "and must start with an alphanumeric.",
)
_REASON = matches(
    r"^[0-9A-Za-z.:\s]*\*?$",
    "must contain letters, numbers, periods, colons, and white space, and can optionally end with an asterisk",
)
_EXIT_CODE = matches(r"^[0-9]*\*?$", "must contain only numbers, and can optionally end with an asterisk")
_EMPTY_LISTS = ("command", "environment", "mountPoints", "resourceRequirements", "secrets", "ulimits", "volumes")


def same_container(old: str, new: str) -> bool:
    """Whether two container properties mean the same to Batch (`equivalentContainerPropertiesJSON`)."""
    try:
        return _reduced(json.loads(old)) == _reduced(json.loads(new))
    except (ValueError, AttributeError, TypeError):
        return False


def _reduced(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Without what Batch adds by itself and what it drops."""
    found = {key: value for key, value in properties.items() if value is not None}
    variables = [pair for pair in found.get("environment", []) if pair.get("value")]
    found["environment"] = sorted(variables, key=lambda pair: str(pair.get("name")))
    if found.get("fargatePlatformConfiguration", {}).get("platformVersion") == "LATEST":
        del found["fargatePlatformConfiguration"]
    if isinstance(linux := found.get("linuxParameters"), dict):
        found["linuxParameters"] = {
            key: value for key, value in linux.items() if not (key in ("devices", "tmpfs") and not value)
        }
    if isinstance(logs := found.get("logConfiguration"), dict):
        found["logConfiguration"] = {
            key: value for key, value in logs.items() if not (key in ("options", "secretOptions") and not value)
        }
    return {key: value for key, value in found.items() if value or key not in _EMPTY_LISTS}


class JobDefinition(Resource):
    """A Batch job definition, all its revisions."""

    token = "aws:batch/jobDefinition:JobDefinition"  # noqa: S105
    schema = Schema(
        "Batch Job Definition",
        {
            "containerProperties": text(same=same_container),
            "deregisterOnNewRevision": flag(default=True, unread=True),
            "name": text(NAME, required=True, replaces=True),
            "parameters": strings(),
            "platformCapabilities": listing(text(one_of(["EC2", "FARGATE"])), unordered=True),
            "propagateTags": flag(default=False),
            "retryStrategy": block(
                {
                    "attempts": whole(between(1, 10)),
                    "evaluateOnExits": listing(
                        block(
                            {
                                "action": text(
                                    one_of(["RETRY", "EXIT"], ignore_case=True),
                                    required=True,
                                    same=lambda old, new: old.lower() == new.lower(),
                                ),
                                "onExitCode": text(length(1, 512), _EXIT_CODE),
                                "onReason": text(length(1, 512), _REASON),
                                "onStatusReason": text(length(1, 512), _REASON),
                            }
                        ),
                        limit=5,
                        replaces=True,
                    ),
                }
            ),
            "schedulingPriority": whole(),
            "timeout": block({"attemptDurationSeconds": whole(at_least(60))}),
            "type": text(one_of(["CONTAINER"], ignore_case=True), required=True),
        },
        ("arn", "arnPrefix", "revision"),
        identity_limit=128,
    )

    def problems(self, new: State, old: State) -> Iterator[Problem]:
        """The container, as the API takes it."""
        given = new.get("containerProperties")
        if given is None:
            yield Problem(
                "containerProperties",
                "the local aws plugin runs containers on EC2 or Fargate only: containerProperties is required",
            )
        elif given is not UNKNOWN and given != old.get("containerProperties"):
            for reason in _container_problems(given):
                yield Problem("containerProperties", f"AWS Batch Job container_properties is invalid: {reason}")

    def unknown(self, old: State, new: State, changed: Collection[str]) -> Collection[str]:
        """A new revision has its own number."""
        return ("arn", "revision") if set(changed) - {"tags", "tagsAll"} else ()

    def create(self, aws: Scope, new: State) -> Created:
        """RegisterJobDefinition."""
        with explained(f"creating Batch Job Definition ({new['name']})"):
            answer = aws.client("batch").register_job_definition(**_registration(new))
        return Created(answer["jobDefinitionArn"], _revision(answer))

    def read(self, aws: Scope, identifier: str, old: State) -> dict[str, Any] | None:
        """The revision of the state; gone when it is inactive."""
        arn = old.get("arn") or identifier
        with explained(f"reading Batch Job Definition ({arn})"):
            found = aws.client("batch").describe_job_definitions(jobDefinitions=[arn])["jobDefinitions"]
        active = [definition for definition in found if definition["status"] == "ACTIVE"]
        if not active:
            return None
        definition = active[0]
        return {
            **_revision(definition),
            "containerProperties": json.dumps(
                _reduced(definition.get("containerProperties") or {}), sort_keys=True, separators=(",", ":")
            ),
            "name": definition["jobDefinitionName"],
            "parameters": definition.get("parameters"),
            "platformCapabilities": definition.get("platformCapabilities"),
            "propagateTags": bool(definition.get("propagateTags")),
            "retryStrategy": _renamed_exits(definition.get("retryStrategy"), "evaluateOnExit", "evaluateOnExits"),
            "schedulingPriority": definition.get("schedulingPriority"),
            "tagsAll": definition.get("tags") or {},
            "timeout": definition.get("timeout"),
            "type": definition["type"],
        }

    def update(self, aws: Scope, identifier: str, old: State, new: State, changed: Collection[str]) -> dict[str, Any]:
        """A new revision, or new tags on the current one."""
        client = aws.client("batch")
        if not set(changed) - {"tags", "tagsAll"}:
            with explained(f"updating the tags of Batch Job Definition ({old['arn']})"):
                tag(client, old["arn"], *tag_changes(old, new))
            return {}
        with explained(f"updating Batch Job Definition ({new['name']})"):
            answer = client.register_job_definition(**_registration(new))
        if new.get("deregisterOnNewRevision"):
            with explained(f"deleting Batch Job Definition ({old['arn']})"):
                client.deregister_job_definition(jobDefinition=old["arn"])
        return _revision(answer)

    def delete(self, aws: Scope, identifier: str, old: State) -> None:
        """Deregister every active revision of the name."""
        client = aws.client("batch")
        with explained(f"deregistering Batch Job Definition ({old['name']})"):
            pages = client.get_paginator("describe_job_definitions").paginate(
                jobDefinitionName=old["name"], status="ACTIVE"
            )
            for arn in [item["jobDefinitionArn"] for page in pages for item in page["jobDefinitions"]]:
                client.deregister_job_definition(jobDefinition=arn)


def tag(client: Any, arn: str, to_set: dict[str, str], to_remove: list[str]) -> None:
    """Change the tags of anything in Batch."""
    if to_remove:
        client.untag_resource(resourceArn=arn, tagKeys=to_remove)
    if to_set:
        client.tag_resource(resourceArn=arn, tags=to_set)


def _revision(answer: State) -> dict[str, Any]:
    arn = answer["jobDefinitionArn"]
    return {"arn": arn, "arnPrefix": arn.rsplit(":", 1)[0], "revision": answer["revision"]}


def _registration(new: State) -> dict[str, Any]:
    return present(
        jobDefinitionName=new["name"],
        type=new["type"].lower(),
        containerProperties=json.loads(new["containerProperties"]),
        parameters=new.get("parameters"),
        platformCapabilities=new.get("platformCapabilities") or None,
        propagateTags=bool(new.get("propagateTags")),
        retryStrategy=_renamed_exits(new.get("retryStrategy"), "evaluateOnExits", "evaluateOnExit"),
        schedulingPriority=new.get("schedulingPriority") or None,
        tags=new["tagsAll"],
        timeout=new.get("timeout"),
    )


def _renamed_exits(strategy: State | None, before: str, after: str) -> dict[str, Any] | None:
    if not strategy:
        return None
    return {after if key == before else key: value for key, value in strategy.items()}


def _container_problems(properties: str) -> Iterator[str]:
    try:
        value = json.loads(properties)
    except ValueError as error:
        yield f"not JSON: {error}"
        return
    if not isinstance(value, dict):
        yield f"expected a JSON object, got {type(value).__name__}"
        return
    report = _validator().validate(value, _container_shape())
    if report.has_errors():
        yield report.generate_report()


@cache
def _container_shape() -> Any:
    from botocore.loaders import create_loader
    from botocore.model import ServiceModel

    model = ServiceModel(create_loader().load_service_model("batch", "service-2"))
    return model.shape_for("ContainerProperties")


@cache
def _validator() -> Any:
    from botocore.validate import ParamValidator

    return ParamValidator()
