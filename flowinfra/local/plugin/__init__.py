"""The local stand-in for Pulumi's `aws` provider plugin. It speaks to the embedded AWS and nothing else.

What it plays: `pulumi-resource-aws` (pulumi-aws 7, that is hashicorp/terraform-provider-aws behind Pulumi's
bridge), for the resource types that flowinfra's components create and some that stand beside flows; any other is kept
in the state, with a warning that nothing is made of it. Each resource names the upstream file whose
inputs, checks, defaults and replace rules it follows.

    bin/pulumi-resource-aws   what the engine starts; runs `python -m flowinfra.local.plugin`
    server.py                 gRPC: the engine's calls in, answers out
    provider.py               one call: decode, schema, resource, encode
    settings.py               provider configuration; refuses every endpoint that is not loopback
    cloud.py                  boto3 clients, made once, and AWS's errors as sentences
    services/                 one file per AWS service
    unmade.py                 types that are not played

What every plugin needs (serving, property values, schemas) is in `flowinfra.plugin`.

The engine finds it on PATH: put `bin_directory()` first there, and only for work against the embedded AWS.
"""

from __future__ import annotations

import stat
from pathlib import Path

LAUNCHER = "pulumi-resource-aws"
"""The name under which the engine looks for the plugin on PATH."""


def bin_directory() -> Path:
    """The folder that goes first on PATH; makes sure that the launcher in it can be executed."""
    launcher = Path(__file__).parent / "bin" / LAUNCHER
    mode = launcher.stat().st_mode
    # An installer may drop the bit of a file that came as package data.
    if not mode & stat.S_IXUSR:
        launcher.chmod(mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return launcher.parent
