"""How often the cron of a schedule fires, by the grammar of the parser that each target has. Pure.

| target | parser | module |
|---|---|---|
| step-functions | Amazon EventBridge's | `aws` |
| argo | robfig/cron v3, as Argo's CronWorkflows have it | `robfig` |
| argo-events | robfig/cron v3 without names, for `reset_at` of a trigger | `robfig` |
| airflow | croniter, and the presets of Airflow | `airflow` |

An expression that a target's parser refuses raises `CronError`, and so does one that never fires. `fires` is the entry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

from flowinfra.model.cron import airflow, aws, robfig
from flowinfra.model.cron.calendar import CronError, Fires

__all__ = ["CronError", "Fires", "fires"]

_PARSERS: Mapping[str, Callable[[str], Fires]] = {
    "step-functions": aws.parse,
    "argo": robfig.parse,
    "argo-events": robfig.parse_fields,
    "airflow": airflow.parse,
}


@lru_cache(maxsize=4096)
def fires(target: str, expression: str) -> Fires:
    """How often an expression fires on a target.

    Args:
        target: `step-functions`, `argo`, `argo-events` or `airflow`.
        expression: what the target's own parser reads: six fields for `step-functions`, without the `cron(…)` around
            them; five fields or a name such as `@daily` for `argo` and
            `airflow`.

    Raises:
        CronError: The parser refuses the expression, or it never fires. The message says which part, and what is
            allowed; it does not repeat the expression.
    """
    found = _PARSERS[target](expression)
    if not found.per_day:
        raise CronError("it never fires: no month that it names has such a day")
    return found
