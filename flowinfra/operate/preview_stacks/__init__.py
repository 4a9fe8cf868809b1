"""Preview stacks: a short-lived stack per pull request, made by one command and removed by another.

    NAME ──names──▶ Preview ──names──▶ settings of the stack's file ──commands──▶ pulumi stack init, up
                                                                      commands──▶ pulumi destroy, leftovers, stack rm

A preview stack mirrors the stack that it is made of, with names, schedules and a datastore folder of its own. It
carries a mark in its configuration, `flowinfra:preview`, which Pulumi's history keeps: only a stack with that mark is
ever removed, also where its file is gone.
"""

from __future__ import annotations

from flowinfra.operate.preview_stacks.commands import down, up
from flowinfra.operate.preview_stacks.names import Preview

__all__ = ["Preview", "down", "up"]
