"""Adopted flows in a stack's file: their keys are put in, all else stays as people wrote it."""

from __future__ import annotations

from collections.abc import Iterable

from flowinfra.engine import yaml_file
from flowinfra.operate.adopt.entries import Adoption
from flowinfra.stack.places import NAMESPACE

_FLOWS = f"{NAMESPACE}flows"


def with_adopted(text: str, adoptions: Iterable[Adoption]) -> str:
    """The text of a stack's file with the keys of adopted flows; the same text where they are all there."""
    content = yaml_file.load_as_written(text)
    changed = [each for each in adoptions if each.keys]
    if not changed:
        return text
    config = content["config"]
    for each in changed:
        if each.entry is not None:
            yaml_file.put(config[_FLOWS][each.entry], each.keys)
    new = [{"flow": each.file, **each.keys} for each in changed if each.entry is None]
    if new:
        yaml_file.append(config, _FLOWS, new)
    return yaml_file.dump_as_written(content)
