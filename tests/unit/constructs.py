"""What is compiled for the golden files: every construct of Metaflow's and every option of ours, one each."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flowinfra.compiler import CompileRequest
from flowinfra.targets import shape_of

TESTS = Path(__file__).resolve().parents[1]
FLOWS = TESTS / "flows"


@dataclass(frozen=True)
class Construct:
    """A flow of tests/flows with options; `flow` is the folder's name, None for that of the construct."""

    name: str
    flow: str | None = None
    shape: dict[str, Any] = field(default_factory=dict)
    config_files: dict[str, str] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    platform: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Target → what its platform must have for this construct, as options of the compile."""
    like: str | None = "linear"
    """Where the flow is its own: the construct that its golden file is compared with; None for a full file."""

    @property
    def base(self) -> str | None:
        """The construct that this one's golden file is compared with; None where it is full."""
        own = self.flow is not None and self.flow != self.name and self.flow in _NAMES
        return self.flow if own else self.like

    def request(self, target: str = "step-functions", **more: Any) -> CompileRequest:
        """The request that compiles this construct."""
        folder = FLOWS / (self.flow or self.name)
        return CompileRequest(
            flow=folder / "flow.py",
            target=target,
            shape=shape_of(target, {**self.shape, **self.platform.get(target, {})}, "<flow>"),
            config_files={name: folder / path for name, path in self.config_files.items()},
            env=self.env,
            root=FLOWS / folder.relative_to(FLOWS).parts[0],
            **more,
        )


EVENTS: dict[str, dict[str, Any]] = {"argo": {"events": True}}

CONSTRUCTS = (
    # of Metaflow's
    Construct("linear", like=None),
    Construct("include_file"),
    Construct("split", like=None),
    Construct("foreach", like=None),
    Construct("nested_foreach", like="foreach"),
    Construct("foreach_in_split", like="split"),
    Construct("split_in_foreach", like="foreach"),
    Construct("retry"),
    Construct("catch"),
    Construct("timeout"),
    Construct("resources"),
    Construct("batch", like=None),
    Construct("environment", env={"DECLARED": "seen at compile"}),
    Construct("secrets"),
    Construct("card"),
    Construct("schedule_hourly"),
    Construct("schedule_daily"),
    Construct("schedule_weekly"),
    Construct("schedule_cron"),
    Construct("project_branch", "project", {"branch": "main"}),
    Construct("project_production", "project", {"production": True}, like="project_branch"),
    Construct("project_production_branch", "project", {"production": True, "branch": "canary"}, like="project_branch"),
    Construct("config"),
    Construct("config_file", "config", config_files={"settings": "other.json"}),
    Construct("config_value", "config", {"configs": {"inline": {"depth": 9}, "words": "three four five"}}),
    Construct("parameters", like=None),
    Construct("inheritance"),
    Construct("user_decorators"),
    Construct("airflow_s3_key_sensor"),
    Construct("airflow_external_task_sensor"),
    Construct("airflow_parameters"),
    Construct("trigger", platform=EVENTS, like=None),
    Construct("triggers", platform=EVENTS, like="trigger"),
    Construct("trigger_on_finish", platform=EVENTS, like="trigger"),
    Construct("trigger_on_finish_project", shape={"production": True}, platform=EVENTS, like="trigger_on_finish"),
    Construct("trigger_without_events", "trigger"),
    Construct("schedule_timezone"),
    Construct("exit_hook", like=None),
    Construct("switch", like=None),
    Construct("switch_recursive", like="switch"),
    Construct("parallel", like=None),
    Construct("kubernetes", like=None),
    Construct("resources_kubernetes"),
    # options of Metaflow's command
    Construct("with", "linear", {"decospecs": ["retry:times=3", 'environment:vars={"A": "b c"}']}),
    Construct("tags", "linear", {"tags": ["nightly", "team:risk"]}),
    Construct("namespace", "linear", {"namespace": "user:ann"}),
    Construct("name", "linear", {"name": "nightly_line"}),
    Construct("name_prefix", "linear", {"name_prefix": "staging"}),
    Construct("max_workers", "foreach", {"max_workers": 7}),
    Construct("workflow_timeout", "foreach", {"workflow_timeout": 3600}),
    Construct("distributed_map", "foreach", {"distributed_map": True}),
    Construct("compress", "linear", {"compress": True}),
    Construct("log_history", "linear", {"log_history": True}),
    Construct("batch_tags", "linear", {"batch_tags": {"cost-center": "42", "team": "risk"}}),
    Construct("worker_pool", "linear", {"worker_pool": "metaflow"}),
    Construct("paused", "linear", {"paused": True}),
    Construct("workflow_priority", "linear", {"workflow_priority": 7}),
    Construct(
        "workflow_title", "linear", {"workflow_title": "It's *the* line", "workflow_description": "One\n\ntwo $HOME"}
    ),
    Construct("no_emit_events", "linear", {"emit_events": False}),
    Construct("no_capture_errors", "linear", {"capture_errors": False}),
    Construct(
        "heartbeat", "project", {"heartbeat": True, "production": True, "tags": ["nightly"]}, like="project_production"
    ),
    Construct("notify_slack", "linear", {"notify_on_error": True, "notify_slack": "alerts/slack-url"}),
    Construct(
        "notify_all",
        "linear",
        {
            "notify_on_error": True,
            "notify_on_success": True,
            "notify_slack": "alerts/slack-url",
            "notify_pager_duty": "alerts/pager-duty",
            "notify_incident_io": "alerts/incident.io",
            "incident_io_source": "01GW2G3V0S59R238FAHPDS1R66",
            "incident_io_metadata": {"team": "risk"},
        },
    ),
    # the platform's shape
    Construct("events", "linear", {"events": True}),
    Construct("fargate", shape={"compute": "FARGATE"}),
    Construct("datastore_gs", "linear", {"datastore": "gs"}),
    Construct("datastore_azure", "linear", {"datastore": "azure"}),
    Construct("datastore_azure_include_file", "include_file", {"datastore": "azure"}),
    Construct("metadata_service", "linear", {"metadata": "service"}),
    Construct("partition", "foreach", {"partition": "aws-us-gov", "distributed_map": True}),
    Construct("image", "linear", {"image": "example.com/base:1"}),
    Construct("settings", "linear", {"settings": {"METAFLOW_S3_SERVER_SIDE_ENCRYPTION": "aws:kms"}}),
    # the code package
    Construct("package"),
    Construct("package_suffixes", "package", {"package_suffixes": [".sql", ".csv"]}),
    Construct("package_include", "package", {"package_include": ["*.md", "data"]}),
    Construct("package_exclude", "package", {"package_exclude": ["sub/draft.py"]}),
    Construct(
        "package_root", "package_root/flows", {"package_root": ".", "package_exclude": ["flows"]}, like="package"
    ),
    # a stack's own settings of a flow
    Construct(
        "overrides",
        shape={
            "parameters": {"alpha": 1, "note": "it's $HOME"},
            "schedule": "30 4 * * ? *",
            "steps": {
                "plain": {"cpu": 2, "memory": 1024, "gpu": 1, "retries": 2, "timeout": 600, "environment": {"A": "b"}},
                "decorated": {
                    "cpu": 1,
                    "memory": 1024,
                    "image": "example.com/other:2",
                    "queue": "big",
                    "retries": 0,
                    "timeout": 300,
                    "environment": {"CHANGED": "yes", "ADDED": "too"},
                },
            },
        },
    ),
    Construct(
        "overrides_kubernetes",
        shape={
            "steps": {
                "start": {"disk": 30720, "node_selector": {"pool": "big"}, "secrets": ["database"]},
                "end": {"cpu": 2, "memory": 1024, "labels": {"team": "fraud"}, "image": "example.com/other:2"},
            },
        },
    ),
    Construct("schedule_off", "overrides", {"schedule": "off"}),
    Construct("schedule_off_inherited", "inheritance", {"schedule": "off"}),
    Construct("schedule_added", "linear", {"schedule": "0 12 * * ? *"}),
    Construct("schedule_elsewhere", "schedule_timezone", {"schedule_timezone": "America/New_York"}),
)

_NAMES = frozenset(construct.name for construct in CONSTRUCTS)
