"""A stack's file means the same to us as to the engine, and what is wrong with it is told without its text."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowinfra.engine.project import stack_file
from flowinfra.errors import ConfigError
from flowinfra.stack import yaml_file as stack_yaml
from flowinfra.stack.loading import stored

VALUES = (
    "{a: 2026-01-01, b: off, c: yes, d: 0o17, e: 017, f: 1_000, g: 1e3, h: 12:30, i: ~, j: 'x', k: true, l: 1.0, "
    "m: 2026-01-01T02:00:00+02:00, n: y, o: -.5, p: 0x1F}"
)
SEEN = {
    "a": "2026-01-01 00:00:00 +0000 UTC",
    "b": "off",
    "c": "yes",
    "d": 15,
    "e": 15,
    "f": 1000,
    "g": 1000,
    "h": "12:30",
    "i": None,
    "j": "x",
    "k": True,
    "l": 1,
    "m": "2026-01-01 00:00:00 +0000 UTC",
    "n": "y",
    "o": -0.5,
    "p": 31,
}
"""What Pulumi 3.250 hands to a program for VALUES."""


def test_values_are_those_of_the_engine() -> None:
    assert stack_yaml.parse(f"config:\n  x:y: {VALUES}\n", "file") == {"x:y": SEEN}


@pytest.mark.parametrize("text", ["", "config:\n", "[]", "config: text\n", "encryptionsalt: v1\n"])
def test_a_file_without_configuration(text: str) -> None:
    assert stack_yaml.parse(text, "file") == {}


def test_what_is_no_yaml_is_told_with_its_line_and_without_its_text() -> None:
    with pytest.raises(ConfigError) as raised:
        stack_yaml.parse("config:\n  a: 1\n  b: {hunter2: [}\n", "stacks/Pulumi.prod.yaml")
    assert str(raised.value).startswith("stacks/Pulumi.prod.yaml:3: is no YAML: ")
    assert "hunter2" not in str(raised.value)


def test_names_are_text(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    (tmp_path / "Pulumi.dev.yaml").write_text("config: {flowinfra:name_prefix: 123, flowinfra:mirrors: true}\n")
    assert stored(stack_file(tmp_path, "dev")) == {"name_prefix": "123", "mirrors": "true"}
