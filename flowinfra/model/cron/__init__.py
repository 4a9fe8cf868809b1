"""How often the cron of a schedule fires, by the grammar of the parser that each target has. Pure.

| name | parser | module |
|---|---|---|
| aws | Amazon EventBridge's | `aws` |
| robfig | robfig/cron v3, as Argo's CronWorkflows have it | `robfig` |
| robfig-fields | robfig/cron v3 without names, for `reset_at` of a trigger of Argo Events | `robfig` |
| airflow | croniter, and the presets of Airflow | `airflow` |

An expression that a target's parser refuses raises `CronError`, and so does one that never fires. `fires` is the entry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Literal

from flowinfra.model.cron import airflow, aws, robfig
from flowinfra.model.cron.calendar import CronError, Fires

__all__ = ["CronError", "Fires", "Parser", "fires", "refused"]

Parser = Literal["aws", "robfig", "robfig-fields", "airflow"]
"""Name of a parser."""

_PARSERS: Mapping[Parser, Callable[[str], Fires]] = {
    "aws": aws.parse,
    "robfig": robfig.parse,
    "robfig-fields": robfig.parse_fields,
    "airflow": airflow.parse,
}


@lru_cache(maxsize=4096)
def fires(parser: Parser, expression: str) -> Fires:
    """How often an expression fires.

    Args:
        parser: what reads it.
        expression: six fields for `aws`, without the `cron(…)` around them; five fields or a name such as `@daily` for
            `robfig` and `airflow`.

    Raises:
        CronError: The parser refuses the expression, or it never fires. The message says which part, and what is
            allowed; it does not repeat the expression.
    """
    found = _PARSERS[parser](expression)
    if not found.per_day:
        raise CronError("it never fires: no month that it names has such a day")
    return found


def refused(parser: Parser, cron: str, written: str | None = None) -> str | None:
    """Why a parser refuses a cron, in words; None if it takes it.

    Args:
        parser: what reads it.
        cron: what the parser gets.
        written: what the flow or the stack says, where that is more.
    """
    try:
        fires(parser, cron)
    except CronError as error:
        return f"{(written or cron)!r}: {error}"
    return None
