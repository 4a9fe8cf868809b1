"""Settings of a platform whose values may be Outputs of what is being created."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

import pulumi

from flowinfra.components.later import is_output
from flowinfra.errors import ConfigError, FlowInfraError

S = TypeVar("S")
T = TypeVar("T")


class Settings(Generic[S]):
    """Base of a dataclass that has every field of the plain identity `S`, and maybe more."""

    plain: ClassVar[type[Any]]
    """`S`."""
    stand_ins: ClassVar[Mapping[str, Any]]
    """Field that may be an Output, or a mapping with some → value to check limits with, of the Output's."""

    def site(self) -> S:
        """The identity with a stand-in for every value that is not known yet, to check limits with."""
        site: S = self.plain(**{name: self._stood_in(name, value) for name, value in self._identity().items()})
        return site

    @property
    def pending(self) -> tuple[str, ...]:
        """Names of the values that are Outputs."""
        return tuple(name for name, value in self._identity().items() if _is_late(value))

    def on_site(self, make: Callable[[S], T]) -> T | pulumi.Output[T]:
        """`make` of the identity: at once where all of it is known, so that a preview shows the result."""
        values = self._identity()
        pending = {name: values[name] for name in self.pending}
        if not pending:
            return make(self.plain(**values))
        known = {name: value for name, value in values.items() if name not in pending}

        def made(found: dict[str, Any]) -> T:
            try:
                return make(self.plain(**known, **found))
            except FlowInfraError as error:
                raise pulumi.RunError(str(error)) from None

        return pulumi.Output.all(**pending).apply(made)

    def _identity(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self.plain)}

    def _stood_in(self, name: str, value: Any) -> Any:
        if not _is_late(value):
            return value
        if name not in self.stand_ins:
            raise ConfigError(f"platform.{name} must be known when the program runs; give it as text")
        if isinstance(value, Mapping):
            return {key: self.stand_ins[name] if is_output(item) else item for key, item in value.items()}
        return self.stand_ins[name]


def _is_late(value: Any) -> bool:
    """Whether a value, or one of a mapping's, may not be known yet."""
    return is_output(value) or (isinstance(value, Mapping) and any(map(is_output, value.values())))


def together(values: Sequence[pulumi.Input[str]]) -> pulumi.Input[tuple[str, ...]]:
    """Values of which some may be Outputs as one; plain where none is."""
    if not any(map(is_output, values)):
        return tuple(str(value) for value in values)
    return pulumi.Output.all(*values).apply(tuple)
