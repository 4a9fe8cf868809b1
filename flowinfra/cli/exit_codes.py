"""Exit codes of all commands: the table in docs/commands.md."""

from __future__ import annotations

ERROR = 1
"""What was asked for could not be done, or not all of it."""
USAGE = 2
"""An option, argument or command that there is not; click's own."""
FOUND = 3
"""It was done, and something was found or did not succeed: drift, a risk, a failed run."""
CHANGE = 4
"""A preview changes something: `report --fail-on change`."""
NOT_EXECUTABLE = 126
"""The command of `local exec` is there and cannot be run, as shells have it."""
NO_COMMAND = 127
"""There is no command of that name for `local exec`, as shells have it."""
INTERRUPTED = 130
"""Ctrl-C ended it, as shells have it."""
