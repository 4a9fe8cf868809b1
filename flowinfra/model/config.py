"""What all models of a stack's file are made of, and types of keys that several of them have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict

from flowinfra.model.metadata import KEY_WORDS, VALUE_WORDS, is_annotation_key, is_key, is_label_value


class Config(BaseModel):
    """Base of all configuration: closed to unknown keys, no silent conversions (`"4096"` is not a number)."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True, defer_build=True)


def _checked(fits: Callable[[str], bool], words: str) -> AfterValidator:
    """Text that `fits`; else the error says what is allowed."""

    def check(text: str) -> str:
        if not fits(text):
            raise ValueError(words)
        return text

    return AfterValidator(check)


Labels = dict[Annotated[str, _checked(is_key, KEY_WORDS)], Annotated[str, _checked(is_label_value, VALUE_WORDS)]]
Annotations = dict[Annotated[str, _checked(is_annotation_key, KEY_WORDS)], str]

RetentionDays = Literal[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653
]
"""What CloudWatch takes as the retention of a log group."""
