"""What is compiled for the golden files: every construct of Metaflow's and every option of ours, one each."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flowinfra.compiler import CompileRequest
from flowinfra.model.compiled import Shape

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

    def request(self, target: str = "step-functions", **more: Any) -> CompileRequest:
        """The request that compiles this construct."""
        folder = FLOWS / (self.flow or self.name)
        return CompileRequest(
            flow=folder / "flow.py",
            target=target,
            shape=Shape.model_validate(self.shape),
            config_files={name: folder / path for name, path in self.config_files.items()},
            env=self.env,
            **more,
        )


CONSTRUCTS = (
    # of Metaflow's
    Construct("linear"),
    Construct("include_file"),
    Construct("split"),
    Construct("foreach"),
    Construct("nested_foreach"),
    Construct("foreach_in_split"),
    Construct("split_in_foreach"),
    Construct("retry"),
    Construct("catch"),
    Construct("timeout"),
    Construct("resources"),
    Construct("batch"),
    Construct("environment", env={"DECLARED": "seen at compile"}),
    Construct("secrets"),
    Construct("card"),
    Construct("schedule_hourly"),
    Construct("schedule_daily"),
    Construct("schedule_weekly"),
    Construct("schedule_cron"),
    Construct("project_branch", "project", {"branch": "main"}),
    Construct("project_production", "project", {"production": True}),
    Construct("project_production_branch", "project", {"production": True, "branch": "canary"}),
    Construct("config"),
    Construct("config_file", "config", config_files={"settings": "other.json"}),
    Construct("config_value", "config", {"configs": {"inline": {"depth": 9}, "words": "three four five"}}),
    Construct("parameters"),
    Construct("inheritance"),
    Construct("user_decorators"),
    Construct("airflow_s3_key_sensor"),
    Construct("airflow_external_task_sensor"),
    Construct("airflow_parameters"),
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
    # the platform's shape
    Construct("fargate", shape={"compute": "FARGATE"}),
    Construct("metadata_service", "linear", {"metadata": "service"}),
    Construct("partition", "foreach", {"partition": "aws-us-gov", "distributed_map": True}),
    Construct("image", "linear", {"image": "example.com/base:1"}),
    Construct("settings", "linear", {"settings": {"METAFLOW_S3_SERVER_SIDE_ENCRYPTION": "aws:kms"}}),
    # the code package
    Construct("package"),
    Construct("package_suffixes", "package", {"package_suffixes": [".sql", ".csv"]}),
    Construct("package_include", "package", {"package_include": ["*.md", "data/**/*"]}),
    Construct("package_exclude", "package", {"package_exclude": ["sub/draft.py"]}),
    Construct("package_root", "package_root/flows", {"package_root": "..", "package_exclude": ["flows/*"]}),
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
    Construct("schedule_off", "overrides", {"schedule": "off"}),
    Construct("schedule_off_inherited", "inheritance", {"schedule": "off"}),
    Construct("schedule_added", "linear", {"schedule": "0 12 * * ? *"}),
)
