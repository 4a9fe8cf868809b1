"""Which numbers of a cron expression an orchestrator would refuse. Pure."""

from __future__ import annotations

import re

_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day of the month", 1, 31), ("month", 1, 12))
_NUMBERS = re.compile(r"(\d+)(?:-(\d+))?(?:/\d+)?")


def number_problem(cron: str, who: str, weekdays: tuple[int, int]) -> str | None:
    """A number that its field cannot have, in words; None where there is none.

    Only numbers and their ranges are looked at: names, `L`, `W` and `#` are the orchestrator's own language.

    Args:
        cron: fields of minute, hour, day of the month, month and day of the week, in this order; more may follow.
        who: takes it.
        weekdays: first and last number of a day of the week there.
    """
    for word, (name, first, last) in zip(cron.split(), (*_FIELDS, ("day of the week", *weekdays)), strict=False):
        for part in word.split(","):
            found = _NUMBERS.fullmatch(part)
            for number in found.groups() if found else ():
                if number is not None and not first <= int(number) <= last:
                    return f"{cron!r} has the {name} {number}; {who} takes {first} to {last}"
    return None
