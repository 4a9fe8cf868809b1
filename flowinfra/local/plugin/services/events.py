"""aws:cloudwatch/eventRule:EventRule and aws:cloudwatch/eventTarget:EventTarget.

After terraform-provider-aws `internal/service/events/rule.go`, `target.go` and `validate.go`. PutRule and PutTargets
replace what is there, and the real provider does not look before a create: a rule of the same name is taken over,
here as there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from flowinfra.local.plugin.cloud import CloudError, Scope, explained, once_possible
from flowinfra.local.plugin.naming import unique
from flowinfra.local.plugin.policies import same_json
from flowinfra.local.plugin.resource import Created, Resource, State, made, pairs, present, tag_changes, unpair
from flowinfra.plugin.checks import arn, between, is_json, length, one_of, restricted
from flowinfra.plugin.schema import Problem, Schema, block, flag, strings, text, whole

DEFAULT_BUS = "default"
_NAME = restricted(r"^[0-9A-Za-z_.-]+$", 64)


def _pattern(name: str, value: str) -> Iterator[str]:
    yield from is_json(name, value)
    if len(value) > 4096:
        yield f'"{name}" cannot be longer than 4096 characters: "{value}"'


class EventRule(Resource):
    """A schedule or an event pattern."""

    token = "aws:cloudwatch/eventRule:EventRule"  # noqa: S105
    schema = Schema(
        "EventBridge Rule",
        {
            "description": text(length(0, 512)),
            "eventBusName": text(length(1, 1600), default=DEFAULT_BUS, replaces=True),
            "eventPattern": text(_pattern, same=same_json),
            "forceDestroy": flag(default=False, unread=True),
            "isEnabled": flag(computed=True, conflicts=("state",)),
            "name": text(_NAME, computed=True, replaces=True, conflicts=("namePrefix",)),
            "namePrefix": text(_NAME, computed=True, replaces=True, unread=True),
            "roleArn": text(arn),
            "scheduleExpression": text(length(0, 256)),
            "state": text(
                one_of(["ENABLED", "DISABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"]), computed=True
            ),
        },
        ("arn",),
        identity_limit=64,
    )

    def problems(self, new: State, old: State) -> Iterator[Problem]:
        """One of the two must be there."""
        if new.get("scheduleExpression") is None and new.get("eventPattern") is None:
            yield Problem(
                "scheduleExpression",
                'Missing required argument. "event_pattern": one of `event_pattern,schedule_expression` must be '
                "specified",
            )

    def create(self, aws: Scope, new: State) -> Created:
        """PutRule."""
        name = new.get("name") or unique(new["namePrefix"])
        arn_of_rule = self._put(aws, name, new, "creating")
        found = {"arn": arn_of_rule, "name": name, **_enabled(new)}
        return Created(_rule_id(new["eventBusName"], name), made(found, new))

    def read(self, aws: Scope, identifier: str, old: State) -> dict[str, Any] | None:
        """DescribeRule."""
        bus, name = _parse(identifier, 2)
        client = aws.client("events")
        try:
            with explained(f"reading EventBridge Rule ({identifier})"):
                found = client.describe_rule(Name=name, EventBusName=bus)
                tags = client.list_tags_for_resource(ResourceARN=found["Arn"])["Tags"]
        except CloudError as error:
            if error.means_absent():
                return None
            raise
        return {
            "arn": found["Arn"],
            "description": found.get("Description"),
            "eventBusName": bus,
            "eventPattern": found.get("EventPattern"),
            "isEnabled": found["State"] != "DISABLED",
            "name": found["Name"],
            "roleArn": found.get("RoleArn"),
            "scheduleExpression": found.get("ScheduleExpression"),
            "state": found["State"],
            "tagsAll": unpair(tags),
        }

    def update(self, aws: Scope, identifier: str, old: State, new: State, changed: Collection[str]) -> dict[str, Any]:
        """PutRule, and tags."""
        client = aws.client("events")
        _, name = _parse(identifier, 2)
        if set(changed) - {"tags", "tagsAll", "forceDestroy"}:
            self._put(aws, name, new, "updating")
        with explained(f"updating the tags of EventBridge Rule ({identifier})"):
            to_set, to_remove = tag_changes(old, new)
            if to_remove:
                client.untag_resource(ResourceARN=old["arn"], TagKeys=to_remove)
            if to_set:
                client.tag_resource(ResourceARN=old["arn"], Tags=pairs(to_set))
        return _enabled(new)

    def delete(self, aws: Scope, identifier: str, old: State) -> None:
        """DeleteRule, once it has no targets: the program may not say that they belong to it."""
        bus, name = _parse(identifier, 2)

        def remove() -> None:
            with explained(f"deleting EventBridge Rule ({identifier})"):
                aws.client("events").delete_rule(Name=name, EventBusName=bus, Force=bool(old.get("forceDestroy")))

        try:
            once_possible(remove, code="ValidationException", message="Rule can't be deleted since it has targets")
        except CloudError as error:
            if not error.means_absent():
                raise

    @staticmethod
    def _put(aws: Scope, name: str, new: State, doing: str) -> str:
        with explained(f"{doing} EventBridge Rule ({name})"):
            answer = aws.client("events").put_rule(
                **present(
                    Name=name,
                    EventBusName=new["eventBusName"],
                    Description=new.get("description"),
                    EventPattern=new.get("eventPattern"),
                    RoleArn=new.get("roleArn"),
                    ScheduleExpression=new.get("scheduleExpression"),
                    # A PutRule without a state would enable a rule: so does upstream.
                    State=_enabled(new)["state"],
                    Tags=pairs(new["tagsAll"]),
                )
            )
        return str(answer["RuleArn"])


def _enabled(new: State) -> dict[str, Any]:
    state = new.get("state") or ("ENABLED" if new.get("isEnabled", True) else "DISABLED")
    return {"state": state, "isEnabled": state != "DISABLED"}


class EventTarget(Resource):
    """What a rule starts."""

    token = "aws:cloudwatch/eventTarget:EventTarget"  # noqa: S105
    schema = Schema(
        "EventBridge Target",
        {
            "arn": text(arn, required=True),
            "batchTarget": block(
                {
                    "arraySize": whole(between(2, 10000)),
                    "jobAttempts": whole(between(1, 10)),
                    "jobDefinition": text(required=True),
                    "jobName": text(required=True),
                }
            ),
            "deadLetterConfig": block({"arn": text(arn)}),
            "eventBusName": text(length(1, 1600), default=DEFAULT_BUS, replaces=True),
            "forceDestroy": flag(default=False, unread=True),
            "input": text(is_json, length(0, 8192), conflicts=("inputPath", "inputTransformer")),
            "inputPath": text(length(0, 256), conflicts=("inputTransformer",)),
            "inputTransformer": block({"inputPaths": strings(), "inputTemplate": text(length(1, 8192), required=True)}),
            "retryPolicy": block(
                {
                    "maximumEventAgeInSeconds": whole(between(0, 86400)),
                    "maximumRetryAttempts": whole(between(0, 185)),
                }
            ),
            "roleArn": text(arn),
            "rule": text(_NAME, required=True, replaces=True),
            "sqsTarget": block({"messageGroupId": text()}),
            "targetId": text(_NAME, computed=True, replaces=True),
        },
        identity=None,
        tagged=False,
    )

    def create(self, aws: Scope, new: State) -> Created:
        """PutTargets."""
        target = new.get("targetId") or unique("terraform-")
        bus, rule = new["eventBusName"], new["rule"]
        identifier = f"{rule}-{target}" if bus == DEFAULT_BUS else f"{bus}-{rule}-{target}"
        self._put(aws, identifier, target, new, "creating")
        return Created(identifier, {"targetId": target})

    def read(self, aws: Scope, identifier: str, old: State) -> dict[str, Any] | None:
        """ListTargetsByRule; an import's id is `[bus/]rule/target`."""
        if old.get("targetId"):
            bus, rule, target = old.get("eventBusName") or DEFAULT_BUS, old["rule"], old["targetId"]
        else:
            bus, rule, target = _parse(identifier, 3)
        try:
            with explained(f"reading EventBridge Target ({identifier})"):
                listed = aws.client("events").list_targets_by_rule(Rule=rule, EventBusName=bus)["Targets"]
        except CloudError as error:
            if error.means_absent("ValidationException"):
                return None
            raise
        found = next((item for item in listed if item["Id"] == target), None)
        if found is None:
            return None
        batch, dead = found.get("BatchParameters"), found.get("DeadLetterConfig")
        retry, transformer, queue = (
            found.get("RetryPolicy"),
            found.get("InputTransformer"),
            found.get("SqsParameters"),
        )
        return {
            "id": identifier
            if old.get("targetId")
            else (f"{rule}-{target}" if bus == DEFAULT_BUS else f"{bus}-{rule}-{target}"),
            "arn": found["Arn"],
            "batchTarget": batch
            and present(
                arraySize=batch.get("ArrayProperties", {}).get("Size"),
                jobAttempts=batch.get("RetryStrategy", {}).get("Attempts"),
                jobDefinition=batch["JobDefinition"],
                jobName=batch["JobName"],
            ),
            "deadLetterConfig": dead and present(arn=dead.get("Arn")),
            "eventBusName": bus,
            "input": found.get("Input"),
            "inputPath": found.get("InputPath"),
            "inputTransformer": transformer
            and present(inputPaths=transformer.get("InputPathsMap"), inputTemplate=transformer["InputTemplate"]),
            "retryPolicy": retry
            and present(
                maximumEventAgeInSeconds=retry.get("MaximumEventAgeInSeconds"),
                maximumRetryAttempts=retry.get("MaximumRetryAttempts"),
            ),
            "roleArn": found.get("RoleArn"),
            "rule": rule,
            "sqsTarget": queue and present(messageGroupId=queue.get("MessageGroupId")),
            "targetId": target,
        }

    def update(self, aws: Scope, identifier: str, old: State, new: State, changed: Collection[str]) -> dict[str, Any]:
        """PutTargets."""
        self._put(aws, identifier, old["targetId"], new, "updating")
        return {}

    def delete(self, aws: Scope, identifier: str, old: State) -> None:
        """RemoveTargets."""
        try:
            with explained(f"deleting EventBridge Target ({identifier})"):
                answer = aws.client("events").remove_targets(
                    Ids=[old["targetId"]],
                    Rule=old["rule"],
                    EventBusName=old["eventBusName"],
                    Force=bool(old.get("forceDestroy")),
                )
        except CloudError as error:
            if error.means_absent():
                return
            raise
        _refuse_failed(f"deleting EventBridge Target ({identifier})", answer)

    @staticmethod
    def _put(aws: Scope, identifier: str, target: str, new: State, doing: str) -> None:
        doing = f"{doing} EventBridge Target ({identifier})"
        with explained(doing):
            answer = aws.client("events").put_targets(
                Rule=new["rule"], EventBusName=new["eventBusName"], Targets=[_target(target, new)]
            )
        _refuse_failed(doing, answer)


def _target(identifier: str, new: State) -> dict[str, Any]:
    batch, dead = new.get("batchTarget"), new.get("deadLetterConfig")
    retry, transformer, queue = new.get("retryPolicy"), new.get("inputTransformer"), new.get("sqsTarget")
    return present(
        Id=identifier,
        Arn=new["arn"],
        Input=new.get("input"),
        InputPath=new.get("inputPath"),
        RoleArn=new.get("roleArn"),
        BatchParameters=batch
        and present(
            JobDefinition=batch["jobDefinition"],
            JobName=batch["jobName"],
            ArrayProperties={"Size": batch["arraySize"]} if batch.get("arraySize") else None,
            RetryStrategy={"Attempts": batch["jobAttempts"]} if batch.get("jobAttempts") else None,
        ),
        DeadLetterConfig=dead and present(Arn=dead.get("arn")),
        InputTransformer=transformer
        and present(InputPathsMap=transformer.get("inputPaths"), InputTemplate=transformer["inputTemplate"]),
        # As upstream: what the block leaves out is zero.
        RetryPolicy=retry
        and {
            "MaximumEventAgeInSeconds": retry.get("maximumEventAgeInSeconds", 0),
            "MaximumRetryAttempts": retry.get("maximumRetryAttempts", 0),
        },
        SqsParameters=queue and present(MessageGroupId=queue.get("messageGroupId")),
    )


def _refuse_failed(doing: str, answer: State) -> None:
    failed = answer.get("FailedEntries") or []
    if failed:
        reasons = "; ".join(f"{item['TargetId']}: {item['ErrorCode']}: {item['ErrorMessage']}" for item in failed)
        raise CloudError(f"{doing}: {reasons}")


def _rule_id(bus: str, name: str) -> str:
    return name if bus == DEFAULT_BUS else f"{bus}/{name}"


def _parse(identifier: str, count: int) -> list[str]:
    """`[bus/]a/b…` into bus and the `count - 1` parts after it; a bus' ARN has slashes of its own."""
    parts = identifier.rsplit("/", count - 1)
    if len(parts) == count - 1:
        parts = [DEFAULT_BUS, *parts]
    if len(parts) != count or not all(parts):
        shape = "/".join(["EVENTBUSNAME", "RULENAME", "TARGETID"][:count])
        raise CloudError(f"unexpected format for ID ({identifier}), expected {shape} or {shape.partition('/')[2]}")
    return parts
