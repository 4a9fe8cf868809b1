"""YAML read as Pulumi reads it: YAML 1.2, so that `off` is text, and a date is the text that Pulumi makes of it.

A stack and its mirror must see the same values, although the engine hands over only the stack's own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, timezone
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError, SafeConstructor
from ruamel.yaml.error import CommentMark, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError
from ruamel.yaml.resolver import VersionedResolver
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, PlainScalarString
from ruamel.yaml.tokens import CommentToken

from flowinfra.errors import ConfigError

Rules = dict[str, list[tuple[str, re.Pattern[str]]]]
"""First character of a scalar → tag and pattern of what may be meant ("" for an empty scalar)."""


def _rules(*rules: tuple[str, str, Sequence[str]]) -> Rules:
    found: Rules = {}
    for kind, pattern, characters in rules:
        for first in characters:
            found.setdefault(first, []).append((f"tag:yaml.org,2002:{kind}", re.compile(pattern)))
    return found


_NULL = ("null", r"(~|null|Null|NULL|)$", ["~", "n", "N", ""])
_MERGE = ("merge", r"<<$", "<")
_DATE = r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
_TIME = r"([Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(\.[0-9]*)?([ \t]*(Z|[-+][0-9]{1,2}(:[0-9]{2})?))?"


class _Resolver(VersionedResolver):
    """Knows a scalar's type as Pulumi does."""

    versioned_resolver: Rules = _rules(
        _NULL,
        _MERGE,
        ("bool", r"(true|True|TRUE|false|False|FALSE)$", "tTfF"),
        ("int", r"[-+]?(0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|0|[1-9][0-9_]*)$", "-+0123456789"),
        ("float", r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9]*)?)([eE][-+]?[0-9]+)?$", "-+0123456789."),
        ("timestamp", rf"{_DATE}({_TIME})?$", "0123456789"),
    )


class _TextResolver(VersionedResolver):
    """Takes every scalar for text, unchanged."""

    versioned_resolver: Rules = _rules(_NULL, _MERGE)


class _Constructor(SafeConstructor):
    """Makes numbers and dates as Pulumi does."""


def _int(_constructor: SafeConstructor, node: ScalarNode) -> int:
    text = node.value.replace("_", "")
    return int(text, 8 if re.match(r"[-+]?0[0-7]", text) else 0)


def _float(constructor: SafeConstructor, node: ScalarNode) -> float | int:
    """The engine writes a whole number without a fraction."""
    value: float = constructor.construct_yaml_float(node)
    return int(value) if value.is_integer() else value


def _timestamp(constructor: SafeConstructor, node: ScalarNode) -> str:
    try:
        value = constructor.construct_yaml_timestamp(node)
    except (ValueError, YAMLError):  # no such day
        return str(node.value)
    if isinstance(value, datetime):
        value = value.astimezone(timezone.utc) if value.tzinfo else value
    return f"{value:%Y-%m-%d %H:%M:%S} +0000 UTC" if isinstance(value, date) else str(value)


for _kind, _make in (("int", _int), ("float", _float), ("timestamp", _timestamp)):
    _Constructor.add_constructor(f"tag:yaml.org,2002:{_kind}", _make)


def _reader() -> YAML:
    yaml = YAML(typ="safe", pure=True)
    yaml.Resolver, yaml.Constructor = _Resolver, _Constructor
    return yaml


def _editor() -> YAML:
    """Keeps comments, quotes and the writing of every value."""
    yaml = YAML()
    yaml.Resolver = _TextResolver
    yaml.preserve_quotes = True
    yaml.width = 120
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def load(text: str, label: str) -> Any:
    """Read the content of a YAML file; None where the file is empty.

    Args:
        text: the file's text.
        label: the file's path, for errors.

    Raises:
        ConfigError: the text is not YAML. The message has the line, but no value, which may be a secret.
    """
    try:
        return _reader().load(text)
    except YAMLError as error:
        raise ConfigError(_broken(error, text, label)) from None
    except (KeyError, ValueError):
        raise ConfigError(f"{label}: is not YAML: a value is not of the type that its tag (`!!…`) names") from None
    except RecursionError:
        raise ConfigError(f"{label}: is not YAML: its values are nested too deeply") from None


def config_of(text: str, label: str) -> dict[str, Any]:
    """The `config` of a stack's file: full key → value; empty where it has none. Raises as `load` does."""
    content = load(text, label)
    config = content.get("config") if isinstance(content, dict) else None
    return config if isinstance(config, dict) else {}


class Lines:
    """Where keys and items are in a file that `load` reads."""

    def __init__(self, text: str) -> None:
        """`text`: the file's."""
        self._top = _reader().compose(text)

    def of(self, path: Sequence[str | int]) -> int | None:
        """The line, from 1, of a key or of an item of a list.

        Args:
            path: keys and indices from the top of the file.

        Returns:
            For what is not there, the line of the innermost that is; None if even the first key is not there.
        """
        node, line = self._top, None
        for part in path:
            found = _child(node, part)
            if found is None:
                break
            place, node = found
            line = place.start_mark.line + 1
        return line


def dump(content: Any) -> str:
    """Data as YAML that `load` and Pulumi read as the same, keys in their order."""
    yaml = YAML()
    yaml.Resolver = _Resolver
    yaml.width = 120
    return _text(yaml, content)


def load_as_written(text: str) -> Any:
    """The content of a YAML file that `load` reads, to change it: every value is text, and knows its comments."""
    return _editor().load(text)


def dump_as_written(content: Any) -> str:
    """What `load_as_written` gave, with its comments and each value as it was written."""
    return _text(_editor(), content)


def replace(mapping: Any, keys: Collection[str], key: str, value: Any) -> None:
    """Put a key at the end of a mapping of `load_as_written`, and take others out.

    A comment that stands before a key that stays is kept: ruamel.yaml has it at the end of the value before.

    Args:
        mapping: is changed.
        keys: what is taken out; `key` may be one of them.
        key: the new key.
        value: data of its own, written in blocks.
    """
    comments: dict[str, list[str]] = {}
    order = [each for each in mapping if each not in keys]
    for each in [each for each in mapping if each in keys]:
        names = list(mapping)
        following = next((name for name in names[names.index(each) :] if name in order), key)
        comments.setdefault(following, []).extend(_lines_after(mapping, each))
        del mapping[each]
    mapping[key] = _in_blocks(value)
    for each, lines in comments.items():
        if any(lines):
            mapping.yaml_set_comment_before_after_key(each, before="\n".join(lines), indent=2)


def put(mapping: Any, values: Mapping[str, Any]) -> None:
    """Put keys into a mapping of `load_as_written`: new ones at its end, and mappings are merged.

    Args:
        mapping: is changed.
        values: data of its own.
    """
    following = _take_lines_after(mapping)
    for key, value in values.items():
        if isinstance(value, Mapping) and isinstance(mapping.get(key), CommentedMap):
            put(mapping[key], value)
        else:
            mapping[key] = _as_people_write(value)
    _put_lines_after(mapping, following)


def append(mapping: Any, key: str, items: Sequence[Any]) -> None:
    """Put items at the end of a list in a mapping of `load_as_written`; the list is made where it is missing.

    Args:
        mapping: is changed.
        key: of the list.
        items: data of its own.
    """
    if not mapping.get(key):
        put(mapping, {key: items})
        return
    following = _take_lines_after(mapping[key])
    for item in items:
        mapping[key].append(_as_people_write(item))
    _put_lines_after(mapping[key], following)


def _last_leaf(parent: Any) -> tuple[Any, Any] | None:
    """What holds the last value in a collection, and its key; None for an empty collection and one within a line."""
    if not parent or parent.fa.flow_style():
        return None
    key = list(parent)[-1] if isinstance(parent, CommentedMap) else len(parent) - 1
    value = parent[key]
    inner = _last_leaf(value) if isinstance(value, (CommentedMap, CommentedSeq)) else None
    return inner or (parent, key)


def _take_lines_after(parent: Any) -> str:
    """Take the lines of comment behind a collection's last value away, but for that in the value's own line."""
    leaf = _last_leaf(parent)
    tokens = leaf[0].ca.items.get(leaf[1]) if leaf else None
    place = 2 if leaf and isinstance(leaf[0], CommentedMap) else 0
    if not leaf or not tokens or tokens[place] is None:
        return ""
    own, line_end, following = tokens[place].value.partition("\n")
    if own.strip():
        tokens[place].value = f"{own}{line_end}"
    else:
        tokens[place] = None
    return str(following)


def _put_lines_after(parent: Any, lines: str) -> None:
    """Put lines of comment behind a collection's last value."""
    leaf = _last_leaf(parent)
    if not leaf or not lines:
        return
    holder, key = leaf
    place = 2 if isinstance(holder, CommentedMap) else 0
    tokens = holder.ca.items.setdefault(key, [None] * 4)
    own = tokens[place].value.rstrip("\n") if tokens[place] is not None else ""
    tokens[place] = CommentToken(f"{own}\n{lines}", CommentMark(0), None)


def _as_people_write(value: Any) -> Any:
    """Data with one line for each key and item; a text has quotes only where it needs them."""
    if isinstance(value, Mapping):
        return CommentedMap((_text_as_people_write(key), _as_people_write(item)) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return CommentedSeq(_as_people_write(item) for item in value)
    if isinstance(value, str):
        return _text_as_people_write(value)
    return value if value is None else PlainScalarString(json.dumps(value))


def _text_as_people_write(text: str) -> str:
    try:
        same = _reader().load(f"- {text}\n") == [text] and _reader().load(f"{text}: 1\n") == {text: 1}
    except (YAMLError, ValueError, KeyError):
        same = False
    return text if same else DoubleQuotedScalarString(text)


def _lines_after(parent: Any, key: Any) -> list[str]:
    """The lines of comment between a value and what follows it, without that in the value's own line."""
    value = parent[key]
    if isinstance(value, (CommentedMap, CommentedSeq)) and value and not value.fa.flow_style():
        return _lines_after(value, list(value)[-1] if isinstance(value, CommentedMap) else len(value) - 1)
    tokens = parent.ca.items.get(key) or [None] * 3
    token = tokens[2 if isinstance(parent, CommentedMap) else 0]
    # without the sign, which ruamel.yaml puts there itself
    return [re.sub(r"^# ?", "", line.strip()) for line in token.value.rstrip("\n").split("\n")[1:]] if token else []


def _in_blocks(value: Any) -> Any:
    """Data with one line for each key and item, as people write it; every text has its quotes."""
    if isinstance(value, Mapping):
        return {DoubleQuotedScalarString(key): _in_blocks(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_in_blocks(item) for item in value]
    if isinstance(value, str):
        return DoubleQuotedScalarString(value)
    return value if value is None else PlainScalarString(json.dumps(value))


def _text(yaml: YAML, content: Any) -> str:
    stream = StringIO()
    yaml.dump(content, stream)
    return stream.getvalue()


def _child(node: Node | None, part: str | int) -> tuple[Node, Node] | None:
    """What has the place of a part of a node, and the part."""
    if isinstance(node, SequenceNode):
        return (node.value[part],) * 2 if isinstance(part, int) and part < len(node.value) else None
    if not isinstance(node, MappingNode):
        return None
    for key, value in node.value:
        if key.value == str(part):
            return key, value
    # a key's own value goes over one that is merged
    return next(filter(None, (_child(merged, part) for merged in _merged(node))), None)


def _merged(node: MappingNode) -> Iterator[Node]:
    """The mappings that are put into one by `<<`."""
    for key, value in node.value:
        if key.value == "<<":
            yield from value.value if isinstance(value, SequenceNode) else (value,)


def _broken(error: YAMLError, text: str, label: str) -> str:
    """What is wrong with a file, by its line."""
    if isinstance(error, ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return f"{label}:{line}: is not YAML: it has a control character (number {error.character})"
    mark = getattr(error, "problem_mark", None)
    place = f"{label}:{mark.line + 1}" if mark else label
    if isinstance(error, DuplicateKeyError):
        # the words of ruamel.yaml have the values
        key = re.match(r'found duplicate key "(.*)" with value ', str(error.problem), re.DOTALL)
        return f"{place}: {key[1] if key else 'a key'}: is there a second time; leave one of them out"
    words = getattr(error, "problem", None) or "it cannot be read"
    # ruamel.yaml says the other half of this sentence in its context
    reason = f"{getattr(error, 'context', None)}, {words}" if words.startswith("but ") else words
    return f"{place}: is not YAML: {reason}"
