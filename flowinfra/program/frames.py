"""The frames of Python that Pulumi's SDK writes into the state with each resource.

They are two thirds of what a small resource takes there (2 KB of paths of the machine that deployed), and a backend
of files writes the state as a whole at each step of a deploy. All resources of a stack's flows are made by the same
lines, so nobody reads them.
"""

from __future__ import annotations

from pulumi.runtime import resource
from pulumi.runtime.proto import source_pb2

_READ = "_get_stack_trace"
"""Function of the SDK (3.250) that reads the frames, once for each resource; the SDK has no switch for it."""


def leave_out() -> None:
    """Have the SDK write none, in this process; nothing happens where an SDK has no such function."""
    if hasattr(resource, _READ):
        setattr(resource, _READ, source_pb2.StackTrace)
