"""What Metaflow adds to a run on Argo beside the flow's steps: exit hooks, notifications, error capture, heartbeat.

Each function is a mend of one template; see docs/mends.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flowinfra.model.base import Json
from flowinfra.model.datastores import BLOB_ENDPOINT
from flowinfra.model.shape import Shape
from flowinfra.targets.argo.names import STEP
from flowinfra.targets.argo.request import SECRETS
from flowinfra.targets.mends import kept_from_kubernetes

_OF_PODS = ("serviceAccountName", "nodeSelector", "tolerations", "podSpecPatch")
"""Keys of a template that say where its pod runs, as whom, and with which Secrets its images are pulled."""
_OF_DATASTORE = (
    "METAFLOW_DATASTORE_SYSROOT_S3",
    "METAFLOW_DATASTORE_SYSROOT_AZURE",
    "METAFLOW_DATASTORE_SYSROOT_GS",
    BLOB_ENDPOINT,
    "METAFLOW_S3_ENDPOINT_URL",
)
"""Variables of a step by which its task finds the datastore (`_container_templates` of Metaflow)."""


# No single quote may stand in it, nor {{.
_NOTIFY = (
    "import json,os,urllib.request as r;"
    "e=os.environ;s=e['FLOWINFRA_SECRET'].strip();m=e['FLOWINFRA_MARK'];"
    "h={k:v.replace(m,s) for k,v in json.loads(e['FLOWINFRA_HEADERS']).items()};"
    "b=e['FLOWINFRA_BODY'].replace(m,json.dumps(s)[1:-1]).encode();"
    "r.urlopen(r.Request(e['FLOWINFRA_URL'].replace(m,s),b,h),timeout=60).read()"
)


def without_agent(template: Mapping[str, Json], shape: Shape) -> dict[str, Json]:
    """What Metaflow has Argo ask by HTTP, without Argo's agent.

    The agent is a pod under the namespace's default service account, with a token that has to lie in a Secret. Where
    nobody has made that, it does not start, and a run that has ended waits for it.

    Raises ValueError for a request that is neither a notification nor what Metaflow calls `exit-hook-hack`.
    """
    http = template["http"]
    if "successCondition" in http:
        # the hack: Argo is to have an exit handler, whatever it does; this one ends at once, and asks nobody
        return {"name": template["name"], "suspend": {"duration": "0"}}
    text = json.dumps(http)
    used = [name for name, secret in SECRETS.items() if secret in text]
    if len(used) != 1:
        raise ValueError(f"it has Argo ask {http['url']}")
    return _secret_by_reference(template, used[0], getattr(shape, used[0]))


def _secret_by_reference(template: Mapping[str, Json], name: str, reference: str) -> dict[str, Json]:
    """A notification's secret is read from a Secret when it is sent, and stands nowhere in the workflow.

    Metaflow has Argo send the request, with the webhook's address or the key in it as plain text. Argo takes a Secret
    for a header at most, so the same request is sent by a container, which is scheduled as Metaflow's own hooks are.
    """
    http = template["http"]
    secret, _, key = reference.partition("/")
    headers = {entry["name"]: entry["value"] for entry in http["headers"]} or {"Content-Type": "application/json"}
    env = [
        {"name": "FLOWINFRA_MARK", "value": "<secret>"},
        *(
            {"name": variable, "value": kept_from_kubernetes(value.replace(SECRETS[name], "<secret>"))}
            for variable, value in (
                ("FLOWINFRA_URL", http["url"]),
                ("FLOWINFRA_HEADERS", json.dumps(headers)),
                ("FLOWINFRA_BODY", http["body"]),
            )
        ),
        {"name": "FLOWINFRA_SECRET", "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}},
    ]
    container = {
        "name": "main",
        "command": ["python", "-c", _NOTIFY],
        "env": env,
        "resources": {"requests": {"cpu": "200m", "memory": "100Mi"}},
    }
    return {"name": template["name"], "container": container}


def first_step(spec: Mapping[str, Any]) -> dict[str, Json]:
    """The template of the step that a workflow begins with; templates are in the order of the steps' names."""
    by_name = {template["name"]: template for template in spec["templates"]}
    # a class may be called like a step
    [tasks] = [
        template["dag"]["tasks"]
        for template in spec["templates"]
        if template["name"] == spec["entrypoint"] and "dag" in template
    ]
    begun = [by_name[task["template"]] for task in tasks if not task.get("depends") and not task.get("dependencies")]
    first: dict[str, Json]
    [first] = [template for template in begun if "daemon" not in template]
    return first


def scheduled_as(template: dict[str, Json], first: Mapping[str, Json]) -> dict[str, Json]:
    """A template that runs no step, where the `first` step may run: its pods do not start elsewhere.

    Metaflow gives what it adds to a run (exit hooks, the first error, the heartbeat) image and service account of the
    first step. On tainted nodes, in a registry that wants a Secret, or in a namespace that refuses root, such a pod
    never starts, and a run that has ended waits for it. What a template has of its own, such as the image of an
    @exit_hook, stays; the pull policy goes with the image.
    """
    if STEP in template.get("metadata", {}).get("annotations", {}) or not template.keys() & {"container", "resource"}:
        return template
    scheduled = {**template, **{key: first[key] for key in _OF_PODS if first.get(key) and not template.get(key)}}
    if "container" in template:
        of_first, own = first["container"], template["container"]
        pulled = own.get("image") in (None, of_first["image"])
        keys = ("image", "imagePullPolicy", "securityContext") if pulled else ("securityContext",)
        scheduled["container"] = {**{key: of_first[key] for key in keys if of_first.get(key)}, **own}
    return scheduled


def reaching_datastore(template: dict[str, Json], first: Mapping[str, Json]) -> dict[str, Json]:
    """A template that runs no step, but downloads the code package: its container finds the datastore.

    The download takes the address of Azure's storage account from a variable (`_get_download_code_package_cmd` of
    Metaflow), which Metaflow gives to steps alone, as it does with the datastore's root, where an exit hook looks for
    artifacts.
    """
    annotations = template.get("metadata", {}).get("annotations", {})
    env = template.get("container", {}).get("env", [])
    named = {entry["name"] for entry in env}
    if STEP in annotations or "METAFLOW_CODE_URL" not in named:
        return template
    missing = [
        entry for entry in first["container"]["env"] if entry["name"] in _OF_DATASTORE and entry["name"] not in named
    ]
    return {**template, "container": {**template["container"], "env": [*env, *missing]}}
