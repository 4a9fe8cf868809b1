"""Runs in an installation of Airflow: run a DAG to its end as `airflow dags test` does; each pod is a process."""

import json
import sys
import warnings
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

warnings.simplefilter("ignore")

from airflow_local_settings import stand_in  # noqa: E402

FILE, CONF, OUT = sys.argv[1:]

stand_in()
spec = spec_from_file_location("dag_file", FILE)
module = module_from_spec(spec)
spec.loader.exec_module(module)
ran = module.dag.test(run_conf=json.loads(CONF))
Path(OUT).write_text(json.dumps({"state": str(ran.state), "run_id": ran.run_id, "dag_id": ran.dag_id}))
