"""Runs in an installation of Airflow: median seconds of executing DAG files, in turns, as JSON by file.

Metaflow's own code asks the Kubernetes provider for its version in a way that none of today's answers; here it is
answered, so that there is something to compare with.
"""

import json
import runpy
import statistics
import sys
import time
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

_PROVIDER = "airflow.providers.cncf.kubernetes"
_TURNS = 15

warnings.simplefilter("ignore")
asked: Any = import_module(f"{_PROVIDER}.get_provider_info")
version = import_module(_PROVIDER).__version__
asked.get_provider_info = lambda: {"versions": [version]}


def seconds(file: str) -> float:
    """Of one import; modules of Airflow's are loaded already."""
    began = time.perf_counter()
    runpy.run_path(file)
    return time.perf_counter() - began


for file in sys.argv[1:]:
    seconds(file)
turns = [[seconds(file) for file in sys.argv[1:]] for _ in range(_TURNS)]
medians = map(statistics.median, zip(*turns, strict=True))
print(json.dumps({Path(file).stem: found for file, found in zip(sys.argv[1:], medians, strict=True)}))
