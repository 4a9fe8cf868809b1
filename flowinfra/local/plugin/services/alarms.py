"""aws:cloudwatch/metricAlarm:MetricAlarm, after terraform-provider-aws `internal/service/cloudwatch/metric_alarm.go`.

An alarm that exists is overwritten by PutMetricAlarm, as with the real provider. The embedded AWS has no metrics of its
own: an alarm is there, and does not go off by itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from flowinfra.local.plugin.cloud import CloudError, Scope, explained
from flowinfra.local.plugin.resource import Created, Resource, State, made, pairs, present, tag_changes, unpair
from flowinfra.plugin.checks import arn, at_least, length, matches, one_of
from flowinfra.plugin.schema import Problem, Schema, block, flag, listing, number, strings, text, whole
from flowinfra.plugin.wire import UNKNOWN

_OPERATORS = (
    *("GreaterThanOrEqualToThreshold", "GreaterThanThreshold", "LessThanThreshold", "LessThanOrEqualToThreshold"),
    *("LessThanLowerOrGreaterThanUpperThreshold", "LessThanLowerThreshold", "GreaterThanUpperThreshold"),
)
_STATISTICS = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")
_EXTENDED = (
    r"^((p|(tm)|(wm)|(tc)|(ts))((\d{1,2}(\.\d{1,2})?)|(100))|(IQM)|"
    r"(((TM)|(WM)|(PR)|(TC)|(TS)))\((\d+(\.\d+)?%?)?:(\d+(\.\d+)?%?)?\))$"
)
_INVALID = (
    "invalid statistic, see: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html"
)
_MISSING = ("breaching", "notBreaching", "ignore", "missing")
_ACTIONS = {
    "alarmActions": "AlarmActions",
    "insufficientDataActions": "InsufficientDataActions",
    "okActions": "OKActions",
}
_MOST_ACTIONS = 5

_ARGUMENTS = {
    "actionsEnabled": "ActionsEnabled",
    "alarmDescription": "AlarmDescription",
    "comparisonOperator": "ComparisonOperator",
    "datapointsToAlarm": "DatapointsToAlarm",
    "evaluateLowSampleCountPercentiles": "EvaluateLowSampleCountPercentile",
    "evaluationPeriods": "EvaluationPeriods",
    "extendedStatistic": "ExtendedStatistic",
    "metricName": "MetricName",
    "namespace": "Namespace",
    "period": "Period",
    "statistic": "Statistic",
    "thresholdMetricId": "ThresholdMetricId",
    "treatMissingData": "TreatMissingData",
    "unit": "Unit",
    **_ACTIONS,
}
"""Property → argument of PutMetricAlarm, where the value is the same."""


def _period(*short: int) -> Any:
    def check(name: str, value: int) -> Iterator[str]:
        if value not in short and value % 60:
            listed = " ".join(map(str, short))
            yield f"expected {name} to be one of [{listed}], got {value}"
            yield f"expected {name} to be divisible by 60, got: {value}"

    return check


_NAMESPACE = (length(1, 255), matches(r"[^:].*", "must not contain colon characters"))
_METRIC = block(
    {
        "dimensions": strings(),
        "metricName": text(length(1, 255), required=True),
        "namespace": text(*_NAMESPACE),
        "period": whole(_period(1, 5, 10, 20, 30), required=True),
        "stat": text(required=True),
        "unit": text(),
    }
)
_QUERY = block(
    {
        "accountId": text(length(1, 255)),
        "expression": text(length(1, 1024)),
        "id": text(length(1, 255), required=True),
        "label": text(),
        "metric": _METRIC,
        "period": whole(_period(1, 5, 10, 20, 30)),
        "returnData": flag(default=False),
    }
)


class MetricAlarm(Resource):
    """An alarm."""

    token = "aws:cloudwatch/metricAlarm:MetricAlarm"  # noqa: S105
    schema = Schema(
        "CloudWatch Metric Alarm",
        {
            "actionsEnabled": flag(default=True),
            "alarmActions": listing(text(arn), unordered=True),
            "alarmDescription": text(length(0, 1024)),
            "comparisonOperator": text(one_of(_OPERATORS), required=True),
            "datapointsToAlarm": whole(at_least(1)),
            "dimensions": strings(conflicts=("metricQueries",)),
            "evaluateLowSampleCountPercentiles": text(one_of(["evaluate", "ignore"]), computed=True),
            "evaluationPeriods": whole(at_least(1), required=True),
            "extendedStatistic": text(matches(_EXTENDED, _INVALID), conflicts=("statistic", "metricQueries")),
            "insufficientDataActions": listing(text(arn), unordered=True, limit=_MOST_ACTIONS),
            "metricName": text(length(1, 255), conflicts=("metricQueries",)),
            "metricQueries": listing(_QUERY, unordered=True, conflicts=("metricName",)),
            "name": text(length(1, 255), computed=True, replaces=True),
            "namespace": text(*_NAMESPACE, conflicts=("metricQueries",)),
            "okActions": listing(text(arn), unordered=True, limit=_MOST_ACTIONS),
            "period": whole(_period(10, 20, 30), conflicts=("metricQueries",)),
            "statistic": text(one_of(_STATISTICS), conflicts=("extendedStatistic", "metricQueries")),
            "threshold": number(conflicts=("thresholdMetricId",)),
            "thresholdMetricId": text(length(1, 255), conflicts=("threshold",)),
            "treatMissingData": text(one_of(_MISSING), default="missing"),
            "unit": text(),
        },
        ("arn",),
        identity_limit=255,
    )

    def problems(self, new: State, old: State) -> Iterator[Problem]:
        """What goes together with what."""
        statistics = [new.get("statistic"), new.get("extendedStatistic")]
        if new.get("metricName") and UNKNOWN not in statistics and not any(statistics):
            reason = "One of `statistic` or `extended_statistic` must be set for a cloudwatch metric alarm"
            yield Problem("statistic", reason)
        queries = new.get("metricQueries")
        for query in queries if isinstance(queries, list) else []:
            if isinstance(query, Mapping) and query.get("expression") and query.get("metric"):
                reason = "No metric_query may have both `expression` and a `metric` specified"
                yield Problem("metricQueries", reason)

    def create(self, aws: Scope, new: State) -> Created:
        """PutMetricAlarm."""
        self._put(aws, new, tags=new["tagsAll"])
        return Created(new["name"], made(self.read(aws, new["name"], new), new))

    def read(self, aws: Scope, identifier: str, old: State) -> dict[str, Any] | None:
        """DescribeAlarms and ListTagsForResource."""
        client = aws.client("cloudwatch")
        with explained(f"reading CloudWatch Metric Alarm ({identifier})"):
            found = client.describe_alarms(AlarmNames=[identifier], AlarmTypes=["MetricAlarm"])["MetricAlarms"]
            if not found:
                return None
            alarm = found[0]
            tags = client.list_tags_for_resource(ResourceARN=alarm["AlarmArn"]).get("Tags", [])
        return {
            **{name: alarm.get(argument) for name, argument in _ARGUMENTS.items()},
            "arn": alarm["AlarmArn"],
            "dimensions": {each["Name"]: each["Value"] for each in alarm.get("Dimensions", [])},
            "metricQueries": [_query_read(query) for query in alarm.get("Metrics", [])],
            "name": alarm["AlarmName"],
            "tagsAll": unpair(tags),
            "threshold": alarm.get("Threshold"),
            "treatMissingData": alarm.get("TreatMissingData") or "missing",
        }

    def update(self, aws: Scope, identifier: str, old: State, new: State, changed: Collection[str]) -> dict[str, Any]:
        """PutMetricAlarm, and tags."""
        if set(changed) - {"tags", "tagsAll"}:
            self._put(aws, new)
        client = aws.client("cloudwatch")
        with explained(f"tagging CloudWatch Metric Alarm ({identifier})"):
            to_set, to_remove = tag_changes(old, new)
            if to_remove:
                client.untag_resource(ResourceARN=old["arn"], TagKeys=to_remove)
            if to_set:
                client.tag_resource(ResourceARN=old["arn"], Tags=pairs(to_set))
        return {}

    def delete(self, aws: Scope, identifier: str, old: State) -> None:
        """DeleteAlarms."""
        try:
            with explained(f"deleting CloudWatch Metric Alarm ({identifier})"):
                aws.client("cloudwatch").delete_alarms(AlarmNames=[identifier])
        except CloudError as error:
            if not error.means_absent("ResourceNotFound"):
                raise

    @staticmethod
    def _put(aws: Scope, new: State, tags: Mapping[str, str] | None = None) -> None:
        arguments = {argument: new.get(name) for name, argument in _ARGUMENTS.items()}
        queries = [_query_sent(query) for query in new.get("metricQueries") or []]
        dimensions = new.get("dimensions") or {}
        with explained(f"putting CloudWatch Metric Alarm ({new['name']})"):
            aws.client("cloudwatch").put_metric_alarm(
                **present(
                    AlarmName=new["name"],
                    **arguments,
                    Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()] or None,
                    Metrics=queries or None,
                    Tags=pairs(tags) if tags else None,
                    Threshold=None if new.get("thresholdMetricId") else new.get("threshold") or 0,
                )
            )


def _query_sent(query: Mapping[str, Any]) -> dict[str, Any]:
    metric = query.get("metric")
    return present(
        AccountId=query.get("accountId"),
        Expression=query.get("expression"),
        Id=query["id"],
        Label=query.get("label"),
        MetricStat=metric
        and present(
            Metric=present(
                MetricName=metric["metricName"],
                Namespace=metric.get("namespace"),
                Dimensions=[{"Name": key, "Value": value} for key, value in (metric.get("dimensions") or {}).items()],
            ),
            Period=metric["period"],
            Stat=metric["stat"],
            Unit=metric.get("unit"),
        ),
        Period=query.get("period"),
        ReturnData=bool(query.get("returnData")),
    )


def _query_read(query: Mapping[str, Any]) -> dict[str, Any]:
    stat = query.get("MetricStat")
    return present(
        accountId=query.get("AccountId"),
        expression=query.get("Expression") or None,
        id=query["Id"],
        label=query.get("Label") or None,
        metric=stat
        and present(
            dimensions={each["Name"]: each["Value"] for each in stat["Metric"].get("Dimensions", [])},
            metricName=stat["Metric"]["MetricName"],
            namespace=stat["Metric"].get("Namespace"),
            period=int(stat["Period"]),
            stat=stat["Stat"],
            unit=stat.get("Unit") or None,
        ),
        period=query.get("Period"),
        returnData=bool(query.get("ReturnData")),
    )
