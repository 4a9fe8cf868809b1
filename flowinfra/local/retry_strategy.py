"""Batch's retry strategy: how many attempts, and which failures are worth another one.

https://docs.aws.amazon.com/batch/latest/APIReference/API_RetryStrategy.html and
API_EvaluateOnExit.html.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Ended:
    """What is known of a failed attempt."""

    exit_code: int | None
    status_reason: str


@dataclass(frozen=True)
class RetryStrategy:
    """Attempts (1 to 10) and rules; the first rule that fits decides, and where none fits the job
    is retried.
    """

    attempts: int
    rules: tuple[Mapping[str, str], ...]

    @classmethod
    def parse(cls, strategy: Mapping[str, Any]) -> RetryStrategy:
        """From the API's `retryStrategy`."""
        return cls(max(1, int(strategy.get("attempts") or 1)), tuple(strategy.get("evaluateOnExit") or ()))

    def retries(self, ended: Ended) -> bool:
        """Whether a failure is worth another attempt, if any is left."""
        for rule in self.rules:
            if _fits(rule, ended):
                return rule.get("action", "").lower() == "retry"
        return True


def _fits(rule: Mapping[str, str], ended: Ended) -> bool:
    """All conditions of the rule match; a pattern may end in `*`."""
    code = "" if ended.exit_code is None else str(ended.exit_code)
    facts = {"onExitCode": code, "onStatusReason": ended.status_reason, "onReason": ""}
    return all(fnmatch.fnmatchcase(fact, rule[condition]) for condition, fact in facts.items() if condition in rule)
