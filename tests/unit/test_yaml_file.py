"""A stack's file means the same to us as to the engine, and what is wrong with it is told without its text."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowinfra.engine import yaml_file
from flowinfra.engine.project import stack_file
from flowinfra.errors import ConfigError
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
    assert yaml_file.config_of(f"config:\n  x:y: {VALUES}\n", "file") == {"x:y": SEEN}


@pytest.mark.parametrize("text", ["", "config:\n", "[]", "config: text\n", "encryptionsalt: v1\n"])
def test_a_file_without_configuration(text: str) -> None:
    assert yaml_file.config_of(text, "file") == {}


def test_what_is_no_yaml_is_told_with_its_line_and_without_its_text() -> None:
    with pytest.raises(ConfigError) as raised:
        yaml_file.config_of("config:\n  a: 1\n  b: {hunter2: [}\n", "stacks/Pulumi.prod.yaml")
    assert str(raised.value).startswith("stacks/Pulumi.prod.yaml:3: is not YAML: ")
    assert "hunter2" not in str(raised.value)


def test_names_are_text(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    (tmp_path / "Pulumi.dev.yaml").write_text("config: {flowinfra:name_prefix: 123, flowinfra:mirrors: true}\n")
    assert stored(stack_file(tmp_path, "dev")) == {"name_prefix": "123", "mirrors": "true"}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: 1\na: hunter2\n", "f.yaml:2: a: is there a second time"),
        ("a: !!int hunter2\n", "f.yaml: is not YAML: a value is not of the type that its tag"),
        ("a: !!bool hunter2\n", "f.yaml: is not YAML: a value is not of the type that its tag"),
        ("\na: !own hunter2\n", "f.yaml:2: is not YAML: could not determine a constructor for the tag '!own'"),
        ("{" * 3000, "f.yaml: is not YAML: its values are nested too deeply"),
    ],
)
def test_what_is_wrong_is_told_without_values(text: str, place: str) -> None:
    with pytest.raises(ConfigError) as raised:
        yaml_file.load(text, "f.yaml")
    assert str(raised.value).startswith(place)
    assert "hunter2" not in str(raised.value)


def test_a_day_that_is_none_is_text() -> None:
    assert yaml_file.load("a: 2026-13-45", "f.yaml") == {"a": "2026-13-45"}


def test_what_is_written_is_read_as_the_same() -> None:
    texts = [
        "off",
        "y",
        "017",
        "0o17",
        "1_000",
        "2026-01-01",
        "",
        "~",
        "null",
        "a: b",
        "# c",
        "true",
        "<<",
        "1e3",
        "0x1F",
    ]
    content: dict[str, object] = {
        "b": texts,
        "a": {"secure": "x"},
        "c": [1.5, 3, None, True, [], {}, "é", "two\nlines"],
    }
    text = yaml_file.dump(content)
    assert yaml_file.load(text, "file") == content
    assert list(yaml_file.load(text, "file")) == ["b", "a", "c"]


WRITTEN = """# of the team
config:
  # about a
  a:a: off  # as it is
  b: '1e-5'
  c: 1e-5
  d: 017
  e:
  f: {x: [1, 2]}
  # about flows
  flows:
    - flow: a.py # an entry's own
      tags:
        - x
        # inner
        - y
  # about g

  # and more
  g: "text"
  defaults: {a: 1} # its own
  # the end
"""


def test_what_is_not_changed_stays_as_it_is_written() -> None:
    assert yaml_file.dump_as_written(yaml_file.load_as_written(WRITTEN)) == WRITTEN


def test_keys_are_replaced_and_the_comments_of_others_stay() -> None:
    document = yaml_file.load_as_written(WRITTEN)
    new = [{"flow": "b.flow", "n": 1, "x": 1e-5, "on": True, "t": {"017": "1e5", "none": None, "empty": []}}]
    yaml_file.replace(document["config"], ["flows", "defaults"], "flows", new)
    text = yaml_file.dump_as_written(document)
    kept, flows = WRITTEN.index("  # about flows"), text.index("  flows:")
    assert text[:kept] == WRITTEN[:kept]
    assert text[kept:flows] == '  # about g\n\n  # and more\n  g: "text"\n  # about flows\n  # the end\n'
    assert yaml_file.load(text, "file")["config"]["flows"] == new
    assert '"017": "1e5"\n' in text
