"""Runs in an installation of Airflow: run a DAG to its end as `airflow dags test` does, a process in place of each pod.

What stands in is `KubernetesPodOperator.execute` alone: it starts the pod's command with the pod's variables, both as
Airflow rendered them, and gives back what the sidecar would have read. Everything else is Airflow's and Metaflow's.
"""

import json
import os
import subprocess
import sys
import tempfile
import warnings
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

warnings.simplefilter("ignore")

from airflow.exceptions import AirflowException  # noqa: E402
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator  # noqa: E402

FILE, CONF, OUT = sys.argv[1:]


def execute(self, context):
    with tempfile.TemporaryDirectory() as folder:
        variables = {entry["name"]: entry["value"] for entry in self.env_vars}
        variables |= {entry.name: "stand-in" for entry in self.pod_runtime_info_envs}
        done = subprocess.run(
            self.cmds,
            cwd=folder,
            env={**json.loads(os.environ["TASK_ENVIRONMENT"]), **variables, "XCOM": folder},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        with open(OUT + ".log", "a") as log:  # noqa: PTH123
            log.write(f"== {self.task_id} {context['ti'].map_index} {context['ti'].try_number}\n{done.stdout}\n")
        if done.returncode:
            raise AirflowException(f"{self.task_id} failed: {done.stdout[-500:]}")
        return json.loads(Path(folder, "return.json").read_text())


KubernetesPodOperator.execute = execute
spec = spec_from_file_location("dag_file", FILE)
module = module_from_spec(spec)
spec.loader.exec_module(module)
ran = module.dag.test(run_conf=json.loads(CONF))
Path(OUT).write_text(json.dumps({"state": str(ran.state), "run_id": ran.run_id, "dag_id": ran.dag_id}))
