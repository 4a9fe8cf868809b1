"""Settings of an Airflow of the tests: a process in place of each pod.

What stands in is `KubernetesPodOperator.execute` alone: it starts the pod's command with the pod's variables, both as
Airflow rendered them, the latter expanded as Kubernetes does, and gives back what the sidecar would have read.
Everything else is Airflow's and Metaflow's.
"""

import json
import os
import re
import subprocess
import tempfile
from pathlib import Path


def expanded(value, known):
    """A variable's value as Kubernetes makes it (third_party/forked/golang/expansion)."""
    return re.sub(
        r"\$(?:\$|\(([^)]*)\))", lambda found: "$" if found[1] is None else known.get(found[1], found[0]), value
    )


def execute(self, context):
    from airflow.exceptions import AirflowException

    with tempfile.TemporaryDirectory() as folder:
        variables = {}
        for entry in self.env_vars:
            variables[entry["name"]] = expanded(entry["value"], variables)
        variables |= {entry.name: "stand-in" for entry in self.pod_runtime_info_envs}
        done = subprocess.run(
            self.cmds,
            cwd=folder,
            env={**json.loads(os.environ["TASK_ENVIRONMENT"]), **variables, "XCOM": folder},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        with open(os.environ["TASK_LOG"], "a") as log:  # noqa: PTH123
            log.write(f"== {self.task_id} {context['ti'].map_index} {context['ti'].try_number}\n{done.stdout}\n")
        if done.returncode:
            raise AirflowException(f"{self.task_id} failed: {done.stdout[-500:]}")
        return json.loads(Path(folder, "return.json").read_text())


def stand_in():
    """Let it stand in, in this process."""
    from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator

    KubernetesPodOperator.execute = execute


def task_policy(task):
    """Airflow calls this for each task of a DAG file that it reads."""
    stand_in()
