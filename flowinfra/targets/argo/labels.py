"""Labels and annotations of all that comes of a flow's objects on Argo: workflows, pods, JobSets. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flowinfra.components.labels import Metadata, Taken, with_metadata
from flowinfra.model.base import Json
from flowinfra.targets.argo.compiled import ArgoCompiled
from flowinfra.targets.argo.job_set import dumped_job_set, loaded_job_set
from flowinfra.targets.argo.names import STEP

Object = dict[str, Json]
"""A Kubernetes object, `apiVersion` to `spec`."""


def labelled(value: Object, labels: Mapping[str, str], annotations: Mapping[str, str]) -> Object:
    """A WorkflowTemplate, CronWorkflow or Sensor whose workflows and pods have these labels and annotations too.

    The controller gives a workflow the `workflowMetadata` of its template once it looks at it. What starts the workflow
    gives them as well, for what looks at an object when it is made (queues, admission).
    """
    spec: dict[str, Any] = dict(value["spec"])

    def put(holder: Mapping[str, Any], key: str) -> dict[str, Any]:
        return {**holder, key: with_metadata(holder.get(key), labels, annotations)}

    def put_in_job_set(template: Mapping[str, Any]) -> Mapping[str, Any]:
        if "resource" not in template:
            return template
        job_set = put(loaded_job_set(template["resource"]["manifest"]), "metadata")
        for job in job_set["spec"]["replicatedJobs"]:
            job["template"]["spec"]["template"] = put(job["template"]["spec"]["template"], "metadata")
        return {**template, "resource": {**template["resource"], "manifest": dumped_job_set(job_set)}}

    if value["kind"] == "Sensor":
        spec["template"] = put(spec["template"], "metadata")
        spec["triggers"] = [_with_resource(trigger, put) for trigger in spec["triggers"]]
        return {**value, "spec": spec}
    spec = put(spec, "workflowMetadata")
    if value["kind"] == "WorkflowTemplate":
        spec = {**put(spec, "podMetadata"), "templates": [put_in_job_set(template) for template in spec["templates"]]}
    return {**value, "spec": spec}


def _with_resource(trigger: Mapping[str, Any], put: Any) -> dict[str, Any]:
    """A Sensor's trigger, the workflow of which has what `put` puts into its metadata."""
    template = trigger["template"]
    k8s = template["k8s"]
    source = {**k8s["source"], "resource": put(k8s["source"]["resource"], "metadata")}
    return {**trigger, "template": {**template, "k8s": {**k8s, "source": source}}}


_OF_SENSORS = ("controller", "sensor-name", "owner-name")
"""Labels that Argo Events gives a Sensor's pod, over any that are there (its `pkg/reconciler/sensor/resource.go`)."""
_OF_JOBS = ("controller-uid", "job-name")
"""Labels that Kubernetes gives a Job's pods, and a Job may not set (its `pkg/registry/batch/job/strategy.go`)."""


def taken(compiled: ArgoCompiled) -> Taken:
    """Keys that Metaflow sets on the flow's objects and pods; those of a step's own @kubernetes are not among them."""
    found = list(_metadata(compiled))
    argo = compiled.argo
    jobs = any("resource" in template for template in argo.workflow_template["spec"]["templates"])
    others = (*(_OF_SENSORS if argo.sensor else ()), *(_OF_JOBS if jobs else ()))
    return Taken(
        {*others, *(key for entry in found for key in entry.get("labels") or ())},
        {key for entry in found for key in entry.get("annotations") or ()},
        ("{{",),
        "Argo",
    )


def _metadata(compiled: ArgoCompiled) -> Iterator[Metadata]:
    argo = compiled.argo
    spec = argo.workflow_template["spec"]
    yield from (argo.workflow_template["metadata"], spec["workflowMetadata"], spec["podMetadata"])
    if argo.sensor is not None:
        yield from (argo.sensor["metadata"], argo.sensor["spec"]["template"]["metadata"])
    for template in spec["templates"]:
        if "resource" in template:
            metadata = loaded_job_set(template["resource"]["manifest"])["metadata"]
            own = compiled.flow.steps[metadata["annotations"][STEP]].resources.extra
            yield {
                key: {name: value for name, value in metadata[key].items() if name not in own.get(key, {})}
                for key in ("labels", "annotations")
            }
