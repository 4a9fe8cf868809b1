"""The fields of a cron expression: which numbers and names each may have."""

from __future__ import annotations

from dataclasses import dataclass

from flowinfra.model.cron.calendar import CronError


@dataclass(frozen=True)
class Field:
    """A field of a cron expression."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()
    """Names of the values, from `low` on, in lower case."""

    def named(self, text: str) -> int | None:
        """The value that a name stands for; None for what is not a name of this field."""
        lower = text.lower()
        return self.low + self.names.index(lower) if lower in self.names else None

    def within(self, number: int, who: str) -> int:
        """The number itself. `who`: the system that reads the expression.

        Raises:
            CronError: The field has no such number.
        """
        if not self.low <= number <= self.high:
            raise CronError(f"it has the {self.name} {number}; {who} takes {self.low} to {self.high}")
        return number

    def not_a_number(self, text: str, who: str) -> CronError:
        """The error for a text that is neither a number nor a name."""
        names = f", or {self.names[0].upper()} to {self.names[-1].upper()}" if self.names else ""
        return CronError(f"the {self.name} {text!r} is not a number; {who} takes {self.low} to {self.high}{names}")


MINUTE, HOUR, DAY = Field("minute", 0, 59), Field("hour", 0, 23), Field("day of the month", 1, 31)
MONTH = Field("month", 1, 12, ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"))


def weekday(low: int) -> Field:
    """The day of the week; `low`: the number of Sunday."""
    return Field("day of the week", low, low + 6, ("sun", "mon", "tue", "wed", "thu", "fri", "sat"))
