"""Brings flows back as an earlier deployment of a stack left them: which ones, what changes, and the deploy."""

from __future__ import annotations

from flowinfra.operate.rollback.choice import Choice, choose
from flowinfra.operate.rollback.commands import Rollback, Source, source
from flowinfra.operate.rollback.secrets import secret_warnings

__all__ = ["Choice", "Rollback", "Source", "choose", "secret_warnings", "source"]
