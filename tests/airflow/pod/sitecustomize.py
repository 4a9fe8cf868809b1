"""On the path of a task's process: the folder that a pod shares with its sidecar is one of the task's own."""

import builtins
import os

SHARED = "/airflow/xcom"
_open, _makedirs = builtins.open, os.makedirs


def _moved(path):
    return str(path).replace(SHARED, os.environ["XCOM"], 1) if str(path).startswith(SHARED) else path


builtins.open = lambda file, *args, **named: _open(_moved(file), *args, **named)
os.makedirs = lambda name, *args, **named: _makedirs(_moved(name), *args, **named)
