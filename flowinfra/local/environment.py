"""The environment with which a command reaches the embedded AWS, and nothing else of AWS, Pulumi or
Metaflow.

All AWS_* and METAFLOW_* variables of the shell are dropped, and the user's AWS configuration and
Metaflow profiles are out of sight: what runs under `flowinfra local exec` cannot touch a real
account by accident.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from flowinfra import aws_plugin
from flowinfra.errors import LocalError
from flowinfra.local import identity, official, platform
from flowinfra.local.state import Instance, State
from flowinfra.model.metaflow_names import user_name

PASSPHRASE = "flowinfra-local"  # noqa: S105  (documented; protects nothing but throw-away local stacks)
IAM_SECONDS = "FLOWINFRA_IAM_SECONDS"
"""How long a deployment waits for a role that it wrote: here as long as this emulator's IAM needs."""
_DROPPED = re.compile(r"AWS_|METAFLOW_|PULUMI_(BACKEND_URL|ACCESS_TOKEN|CONFIG_PASSPHRASE|HOME)")


def environment(instance: Instance, state: State, base: Mapping[str, str]) -> dict[str, str]:
    """Variables for a child process: those of `base` that do not lead elsewhere, and the
    emulator's.
    """
    kept = {name: value for name, value in base.items() if not _DROPPED.match(name)}
    return {
        **kept,
        **_aws(instance, state),
        **_pulumi(state),
        **platform.metaflow_settings(),
        "METAFLOW_HOME": str(state.metaflow_home),
        "METAFLOW_USER": _user(base),
        IAM_SECONDS: f"{instance.iam_delay * 1.1:g}",
        # Metaflow's default is 64 processes per batch of S3 operations
        "METAFLOW_S3_WORKER_COUNT": "4",
        **_deployed(state),
        **_no_proxy(base),
        "FLOWINFRA_LOCAL_PYTHON": sys.executable,
        "PATH": os.pathsep.join((*_first_on_path(base), official.without_stand_in(base.get("PATH", os.defpath)))),
    }


def _aws(instance: Instance, state: State) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": instance.endpoint,
        "AWS_ACCESS_KEY_ID": identity.USER_KEY,
        "AWS_SECRET_ACCESS_KEY": identity.SECRET_KEY,
        "AWS_REGION": identity.REGION,
        "AWS_DEFAULT_REGION": identity.REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(state.aws_config),
        "AWS_SHARED_CREDENTIALS_FILE": str(state.aws_config),
    }


def _pulumi(state: State) -> dict[str, str]:
    return {
        # without side files, which are not written atomically: a killed engine would leave one that no command can read
        "PULUMI_BACKEND_URL": f"{state.pulumi_backend.as_uri()}?metadata=skip",
        "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
        "PULUMI_HOME": str(state.pulumi_home),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        # without it, each command looks for plugins on the network
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }


def _deployed(state: State) -> dict[str, str]:
    """METAFLOW_* of what is deployed, where somebody has written them down."""
    try:
        settings = json.loads(state.metaflow_config.read_text())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise LocalError(f"{state.metaflow_config} is not JSON: {error}") from None
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in settings.items()
        if name.startswith("METAFLOW_")
    }


def _user(base: Mapping[str, str]) -> str:
    """Who Metaflow's runs belong to.

    Metaflow refuses to run as nobody or as root, which in a container is all there is.
    """
    return user_name(base) or "local"


def _no_proxy(base: Mapping[str, str]) -> dict[str, str]:
    """The emulator is not behind the shell's proxy."""
    variables = {}
    for name in ("NO_PROXY", "no_proxy"):
        hosts = [host for host in base.get(name, "").split(",") if host]
        variables[name] = ",".join(dict.fromkeys((*hosts, "127.0.0.1", "localhost")))
    return variables


def _first_on_path(base: Mapping[str, str]) -> list[str]:
    """The provider plugins, this interpreter's programs, and a Pulumi CLI if PATH has none."""
    plugins = (official.plugin_folder(base), aws_plugin.bin_directory())
    folders = [*map(str, plugins), str(Path(sys.executable).parent)]
    if shutil.which("pulumi", path=base.get("PATH")) is None:
        folders += _built_pulumi(base)
    return folders


def _built_pulumi(base: Mapping[str, str]) -> list[str]:
    """Folder of the newest Pulumi CLI in the tool cache, which is where `tools/bootstrap/files.py` says."""
    cache = base.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    found = [path.parent for path in Path(cache).glob("flowinfra/tools/pulumi-*/bin/pulumi")]
    newest = max(found, key=lambda path: [int(part) for part in re.findall(r"\d+", path.parent.name)], default=None)
    return [] if newest is None else [str(newest)]
