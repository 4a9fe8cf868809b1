"""Every error that flowinfra shows to a user.

    FlowInfraError            base; `str(error)` is what the user reads
      CompileError            a flow that cannot be compiled (Metaflow's own words, with file and line)
        UnsupportedMetaflowError  a Metaflow whose internals do not fit what flowinfra records
        LockError               @conda or @pypi packages that are not locked, not as locked, or could not be solved
      BundleError             a CompiledFlow file that is truncated, altered or of a newer schema
      BindError               an identity value that breaks its grammar, or a limit of the target
      ConfigError             stack configuration or component arguments that do not fit
      LocalError              the embedded AWS: not running, port taken, wrong endpoint
      PreviewError            a file that is not a preview of Pulumi, or sources that a report cannot read
      ClusterError            a Kubernetes cluster that is not known, cannot be reached, or lacks what a flow needs
      StateError              a stack's state that cannot be read, or that holds nothing
      TriggerError            a run that cannot be started as asked: flow, stack or parameters do not fit
      MissingExtraError       a package that an extra of flowinfra brings (`flowinfra[kubernetes]`) is not installed
      ToolError               a program that flowinfra needs (pulumi, git, python) is missing or failed
      SystemRefusal           the operating system refuses what a command does: a disk is full, a folder gone

A command ends with exit code 1 for any of them and prints no traceback. `Problems` carries several at once.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


class FlowInfraError(Exception):
    """Base of all errors meant for users."""

    @property
    def errors(self) -> Sequence[FlowInfraError]:
        """The errors that it stands for: itself alone, unless it is `Problems`."""
        return (self,)


class CompileError(FlowInfraError):
    """The flow could not be compiled."""


class UnsupportedMetaflowError(CompileError):
    """The installed Metaflow does something that the recorder does not know."""


class LockError(CompileError):
    """The packages of a flow's @conda or @pypi steps are not locked as the flow asks for them."""


class BundleError(FlowInfraError):
    """A CompiledFlow file could not be read or is not what it says."""


class BindError(FlowInfraError):
    """A value does not fit the place in the definition that it is bound to, or a limit is exceeded."""


class ConfigError(FlowInfraError):
    """Stack configuration or component arguments are wrong."""


class LocalError(FlowInfraError):
    """The embedded AWS cannot do what was asked."""


class PreviewError(FlowInfraError):
    """What a report is made of cannot be read."""


class ClusterError(FlowInfraError):
    """A Kubernetes cluster is not there, or not as a flow needs it."""


class StateError(FlowInfraError):
    """It cannot be said what a stack has deployed."""


class TriggerError(FlowInfraError):
    """A run cannot be started or shown as asked: no such flow is deployed, or it takes other parameters."""


class MissingExtraError(FlowInfraError):
    """A package is missing that an extra of flowinfra brings."""


class ToolError(FlowInfraError):
    """An external program is missing or failed."""


class SystemRefusal(FlowInfraError):  # noqa: N818  (an error of the system's, in its words)
    """The operating system refuses something, and no command has more to say about it than it does."""

    def __init__(self, error: OSError) -> None:
        """Take the system's words, with the file where it names one."""
        what = error.strerror or str(error)
        super().__init__(what if error.filename is None else f"{os.fsdecode(error.filename)}: {what}")


class Problems(FlowInfraError):  # noqa: N818  (reads as what it is: all problems of a stack at once)
    """Several errors, shown together so that a user mends them in one go."""

    def __init__(self, errors: Iterable[FlowInfraError]) -> None:
        self._errors = tuple(each for error in errors for each in error.errors)
        super().__init__("\n".join(f"- {error}" for error in self._errors))

    @property
    def errors(self) -> Sequence[FlowInfraError]:
        """The errors that it stands for."""
        return self._errors


def together(errors: Sequence[FlowInfraError]) -> FlowInfraError:
    """What to raise for these errors, of which there is at least one: itself if it is the only one."""
    return errors[0] if len(errors) == 1 else Problems(errors)


@contextmanager
def named_from(folder: Path | None) -> Iterator[None]:
    """Errors raised within show paths of files relative to `folder`, so that the text is the same on any machine.

    None leaves them as they are.
    """
    try:
        yield
    except FlowInfraError as error:
        if folder is None:
            raise
        raise together([type(each)(_below(folder, str(each))) for each in error.errors]) from error


def named(text: str, folder: Path | None) -> str:
    """A message in which paths of files are relative to `folder`, as `named_from` does it for errors."""
    return text if folder is None else _below(folder, text)


def _below(folder: Path, text: str) -> str:
    for known in dict.fromkeys((str(folder), str(folder.resolve()))):
        text = re.sub(rf"(?<![\w./-]){re.escape(known)}/", "", text)
    return text
