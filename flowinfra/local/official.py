"""Pulumi's official aws plugin in place of the local stand-in: FLOWINFRA_AWS_PROVIDER=official.

It has to be installed already. It finds the embedded AWS by AWS_ENDPOINT_URL, as all of AWS's SDKs do
(https://registry.terraform.io/providers/hashicorp/aws/latest/docs/guides/custom-service-endpoints).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from flowinfra.errors import LocalError
from flowinfra.local.plugin import LAUNCHER, bin_directory

VARIABLE = "FLOWINFRA_AWS_PROVIDER"
LOCAL, OFFICIAL = "local", "official"


def plugin_folder(base: Mapping[str, str]) -> Path:
    """The folder of the aws plugin that commands against the embedded AWS use.

    Raises:
        LocalError: the official one is asked for and not installed, or something unknown is asked for.
    """
    asked = base.get(VARIABLE) or LOCAL
    if asked == LOCAL:
        return bin_directory()
    if asked != OFFICIAL:
        raise LocalError(f"{VARIABLE} is {asked!r}; it may be {LOCAL} (the stand-in, default) or {OFFICIAL}")
    wanted = version("pulumi-aws")
    home = Path(base.get("PULUMI_HOME") or Path.home() / ".pulumi")
    installed = home / "plugins" / f"resource-aws-v{wanted}"
    if (installed / LAUNCHER).is_file():
        return installed
    if found := shutil.which(LAUNCHER, path=without_stand_in(base.get("PATH", os.defpath))):
        return Path(found).parent
    raise LocalError(
        f"{VARIABLE}={OFFICIAL}: Pulumi's aws plugin {wanted} (as this environment's pulumi-aws) is "
        f"neither in {home / 'plugins'} nor on PATH. Get it with `pulumi plugin install resource aws {wanted}`, which "
        f"needs the network, or leave {VARIABLE} out to use the stand-in"
    )


def without_stand_in(path: str) -> str:
    """A search path without the stand-in's folder."""
    stand_in = str(bin_directory())
    return os.pathsep.join(folder for folder in path.split(os.pathsep) if folder != stand_in)
