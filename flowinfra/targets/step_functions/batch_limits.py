"""What AWS Batch refuses of a job according to its documents, where its service model has no word of it.

Each check names the page that it is from. They look at what a job is submitted with, over its job definition.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from flowinfra.model.compiled import Step

FARGATE: Mapping[str, tuple[int, ...]] = {
    "0.25": (512, 1024, 2048),
    "0.5": (1024, 2048, 3072, 4096),
    "1": tuple(range(2048, 8192 + 1, 1024)),
    "2": tuple(range(4096, 16384 + 1, 1024)),
    "4": tuple(range(8192, 30720 + 1, 1024)),
    "8": tuple(range(16384, 61440 + 1, 4096)),
    "16": tuple(range(32768, 122880 + 1, 8192)),
    "32": (61440, 122880, 249856),
}
"""vCPUs → MB of memory: https://docs.aws.amazon.com/batch/latest/APIReference/API_ResourceRequirement.html"""

FARGATE_STORAGE = (21, 200)
"""GiB: https://docs.aws.amazon.com/batch/latest/APIReference/API_EphemeralStorage.html"""
FARGATE_LOGS = ("awslogs", "splunk")
"""Drivers: https://docs.aws.amazon.com/batch/latest/APIReference/API_LogConfiguration.html"""
NOT_ON_FARGATE = (
    "efa",
    "host_volumes",
    "inferentia",
    "max_swap",
    "privileged",
    "shared_memory",
    "swappiness",
    "trainium",
)
"""Attributes of @batch: https://docs.aws.amazon.com/batch/latest/userguide/fargate-job-definitions.html

Metaflow sends some of them to Batch, which refuses the job, and leaves out others in silence.
"""

JOB_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
"""https://docs.aws.amazon.com/batch/latest/APIReference/API_SubmitJob.html"""
ATTEMPTS = (1, 10)
"""https://docs.aws.amazon.com/batch/latest/APIReference/API_RetryStrategy.html"""
SHORTEST = 60
"""Seconds: https://docs.aws.amazon.com/batch/latest/APIReference/API_JobTimeout.html"""
LEAST_MEMORY = 4
"""MB: as `FARGATE`."""


def job_problems(job: Mapping[str, Any], definition: Mapping[str, Any], step: Step) -> Iterator[str]:
    """What Batch would refuse of a step's job, in words.

    Args:
        job: arguments of SubmitJob.
        definition: those of RegisterJobDefinition, which hold where the job has none of its own.
        step: what the flow says of it.
    """
    name = str(job["jobName"])
    job = {**definition, **job}
    if not JOB_NAME.fullmatch(name):
        yield (
            f"its job is called {name!r} ({len(name)} characters); Batch takes up to 128 letters, digits, hyphens and "
            "underscores of ASCII: give the step, or the flow's class, a shorter or plainer name"
        )
    attempts = job.get("retryStrategy", {}).get("attempts", 1)
    if not ATTEMPTS[0] <= attempts <= ATTEMPTS[1]:
        yield f"it has {attempts} attempts (@retry and @catch), Batch takes {ATTEMPTS[0]} to {ATTEMPTS[1]}"
    seconds = job.get("timeout", {}).get("attemptDurationSeconds", SHORTEST)
    if seconds < SHORTEST:
        yield f"its timeout is {seconds} s, Batch takes {SHORTEST} s or more"
    container = definition["containerProperties"]
    asked = {each["type"]: each["value"] for each in container.get("resourceRequirements", ())}
    asked |= {each["type"]: each["value"] for each in job["containerOverrides"].get("resourceRequirements", ())}
    if "FARGATE" in definition.get("platformCapabilities", ()):
        yield from _fargate_problems(asked, container, step)
    else:
        yield from _ec2_problems(asked)


def _ec2_problems(asked: Mapping[str, str]) -> Iterator[str]:
    cpu, memory = _number(asked.get("VCPU")), _number(asked.get("MEMORY"))
    if cpu is not None and (cpu < 1 or cpu != int(cpu)):
        yield f"it asks for {asked['VCPU']} vCPUs, Batch takes whole numbers from 1 on EC2 (Fargate takes 0.25 and 0.5)"
    if memory is not None and memory < LEAST_MEMORY:
        yield f"it asks for {asked['MEMORY']} MB of memory, Batch takes {LEAST_MEMORY} or more"


def _fargate_problems(asked: Mapping[str, str], container: Mapping[str, Any], step: Step) -> Iterator[str]:
    cpu, memory = _number(asked.get("VCPU")), _number(asked.get("MEMORY"))
    if _number(asked.get("GPU")):
        yield f"it asks for {asked['GPU']} GPUs, and Fargate has none: use a queue on EC2 (`compute: EC2`)"
    if cpu is not None and memory is not None:
        sizes = FARGATE.get(f"{cpu:g}")
        if sizes is None:
            yield f"it asks for {cpu:g} vCPUs, Fargate has {', '.join(FARGATE)}"
        elif memory not in sizes:
            yield (
                f"it asks for {memory:g} MB of memory with {cpu:g} vCPUs, for which Fargate has {_told(sizes)}"
                f"{_others(memory)}"
            )
    storage = container.get("ephemeralStorage", {}).get("sizeInGiB")
    least, most = FARGATE_STORAGE
    if storage is not None and not least <= storage <= most:
        yield f"ephemeral_storage is {storage} GiB, Fargate takes {least} to {most}"
    driver = container.get("logConfiguration", {}).get("logDriver", FARGATE_LOGS[0])
    if driver not in FARGATE_LOGS:
        yield f"log_driver is {driver!r}, Fargate takes {' and '.join(FARGATE_LOGS)}"
    if given := [name for name in NOT_ON_FARGATE if step.resources.extra.get(name)]:
        yield f"@batch: Fargate has no {', '.join(given)}; take it away, or use a queue on EC2 (`compute: EC2`)"


def _others(memory: float) -> str:
    """With how many vCPUs that memory goes."""
    fitting = [cpu for cpu, sizes in FARGATE.items() if memory in sizes]
    return f"; {memory:g} MB go with {' or '.join(fitting)}" if fitting else ""


def _told(sizes: tuple[int, ...]) -> str:
    if len(sizes) <= 4:
        return " or ".join(map(str, sizes))
    return f"{sizes[0]} to {sizes[-1]} in steps of {sizes[1] - sizes[0]}"


def _number(text: Any) -> float | None:
    try:
        return float(text)
    except (TypeError, ValueError):
        return None
