"""Keys of Airflow in a stack's file, each declared here alone or in `options.py`."""

from __future__ import annotations

from flowinfra.model.config import Config
from flowinfra.targets.airflow.options import AirflowKeys
from flowinfra.targets.kubernetes import KubernetesSection, KubernetesStep


class AirflowSection(KubernetesSection, AirflowKeys, Config):
    """Keys of a flow on Airflow alone."""


class AirflowStep(KubernetesStep):
    """Keys of a step on Airflow alone: attributes of @kubernetes."""


SECTION = AirflowSection
"""Keys of a flow that stand under the target's name."""
STEP = AirflowStep
"""Keys of a step that stand under the target's name."""
