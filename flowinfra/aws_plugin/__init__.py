"""The provider plugin `flowinfra-aws`: what flowinfra needs of AWS and Pulumi's `aws` provider cannot do.

That is state machines with dots in their names, as Metaflow names every @project flow: AWS takes them,
`aws.sfn.StateMachine` does not. And rows of a table that flows write, which are to be gone with the flow. Why flowinfra
has a provider: docs/decisions/dotted-state-machines.md.

    bin/pulumi-resource-flowinfra-aws   what the engine starts; runs `python -m flowinfra.aws_plugin`
    server.py     gRPC: the engine's calls in, answers out
    provider.py   the engine's questions about a state machine
    rows.py       those about a row of a table
    machines.py   Step Functions' calls: which come when, what is tried again, what is waited for
    settings.py   provider configuration, by the keys that Pulumi's aws provider has
    session.py    boto3 clients of that configuration

The engine finds it by the key `plugins` of Pulumi.yaml, or on PATH, where installing flowinfra puts it.
"""

from __future__ import annotations

import stat
from pathlib import Path

PACKAGE = "flowinfra-aws"
"""Pulumi's name for it."""
LAUNCHER = f"pulumi-resource-{PACKAGE}"
"""The name under which the engine looks for it."""
STATE_MACHINE = f"{PACKAGE}:sfn:StateMachine"
"""Type of a state machine."""
ROW = f"{PACKAGE}:dynamodb:Row"
"""Type of a row of a table."""


def bin_directory() -> Path:
    """The folder with the launcher; makes sure that it can be executed."""
    launcher = Path(__file__).parent / "bin" / LAUNCHER
    mode = launcher.stat().st_mode
    # An installer may drop the bit of a file that came as package data.
    if not mode & stat.S_IXUSR:
        launcher.chmod(mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return launcher.parent
