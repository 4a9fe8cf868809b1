"""Timezones, by the names that IANA gives them. Pure."""

from __future__ import annotations

from difflib import get_close_matches


def timezone_problem(who: str, timezone: str) -> str | None:
    """What is wrong with a timezone, in words; None if it fits, and on a machine that knows no timezones.

    Args:
        who: what takes it.
        timezone: its name.
    """
    # takes longer to load than all of a request is worth, and few flows have a timezone
    from zoneinfo import ZoneInfo, available_timezones

    try:
        ZoneInfo(timezone)
    except (LookupError, OSError, ValueError):
        known = sorted(available_timezones())
    else:
        return None
    if not known:
        return None
    near = get_close_matches(timezone, known, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return f"{timezone!r} is not a timezone{hint}; {who} takes names of IANA's, such as Europe/Berlin"
