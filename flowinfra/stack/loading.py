"""The stack's configuration as the engine hands it over → a checked `StackConfig`."""

from __future__ import annotations

import glob
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from flowinfra.engine.project import StackFile, stack_file
from flowinfra.errors import ConfigError, FlowInfraError, Problems
from flowinfra.model.base import Json
from flowinfra.stack.configuration import StackConfig
from flowinfra.stack.mirrors import Source, resolve
from flowinfra.stack.parsing import check_stack, parse_stack
from flowinfra.stack.places import NAMESPACE, TEXT, KeyPath, Places, configuration
from flowinfra.stack.previews import kept_apart


class StackProblems(Problems):
    """What is wrong with entries of `flows`, when all else of the stack is right."""

    def __init__(self, errors: Sequence[FlowInfraError], sound: StackConfig) -> None:
        """`sound` is the stack without those entries, so that mistakes of its other entries can be reported, too."""
        super().__init__(errors)
        self.sound = sound


def read_stack(config: Mapping[str, str], secrets: Collection[str], file: StackFile) -> StackConfig:
    """Check the configuration.

    Args:
        config: full key → value, structures as JSON text (as the engine gives them).
        secrets: full keys that hold a secret.
        file: named in errors.

    Raises:
        StackProblems: entries of `flows` are wrong.
        Problems: everything that is wrong with it.
    """
    if problems := list(_secret_problems(secrets, file)):
        raise Problems(problems)
    values: dict[str, Json] = {}
    for key, value in config.items():
        if key.startswith(NAMESPACE):
            name = key.removeprefix(NAMESPACE)
            values[name] = value if name in TEXT else _structure(value)
    return _stack(values, file)


def stored_stack(root: Path, stack: str) -> StackConfig:
    """The configuration of a stack from its file alone: no engine, no state.

    Raises:
        ConfigError: the stack does not exist, or its file cannot be read.
        StackProblems: entries of `flows` are wrong.
        Problems: everything that is wrong with it.
    """
    file = stack_file(root, stack)
    return _stack(_stored_values(file), file)


def stored(file: StackFile) -> dict[str, Json]:
    """Read flowinfra's configuration of a stack's file, unchanged.

    Raises:
        ConfigError: the file does not exist, or is not YAML.
    """
    try:
        text = file.path.read_text(encoding="utf-8")
    except FileNotFoundError:
        known = ", ".join(known_stacks(file)) or "none"
        raise ConfigError(
            f"there is no stack {file.stack!r}: {file.label} does not exist; the project has: {known}"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file.label} cannot be read: {error}") from None
    return configuration(text, file.label)


def known_stacks(file: StackFile) -> list[str]:
    """Stacks that have a file beside this one."""
    names = (path.name for path in file.path.parent.glob("Pulumi.*.yaml"))
    return sorted(name.removeprefix("Pulumi.").removesuffix(".yaml") for name in names)


def _stack(values: Mapping[str, Json], file: StackFile) -> StackConfig:
    """The stack; where only entries of `flows` are wrong, the error has the others."""
    try:
        return _resolved(_checked(values, file), file)
    except Problems as wrong:
        entries = values.get("flows")
        right = [entry for entry in entries if _is_right(values, entry, file)] if isinstance(entries, list) else []
        try:
            sound = _resolved(_checked({**values, "flows": right}, file), file)
        except FlowInfraError:
            raise wrong from None
        raise StackProblems(wrong.errors, sound) from None


def _is_right(values: Mapping[str, Json], entry: Json, file: StackFile) -> bool:
    """Whether the stack would be right with this flow alone."""
    try:
        _resolved(_checked({**values, "flows": [entry]}, file), file)
    except FlowInfraError:
        return False
    return True


def _resolved(source: Source, file: StackFile) -> StackConfig:
    """One entry per flow, each with the stack's defaults."""
    resolved = resolve(source, lambda stack: stored_source(file.of(stack)), partial(flow_files, file.root))
    return kept_apart(parse_stack(resolved, Places(file.label, file, resolved)))


def flow_files(root: Path, pattern: str) -> Sequence[str]:
    """Files that a glob of `flows` matches, from the project's folder."""
    # pathlib's would look into hidden folders too (.venv)
    found = sorted(glob.glob(pattern, root_dir=root, recursive=True))  # noqa: PTH207
    return [path for path in found if (root / path).is_file()]


def stored_source(file: StackFile) -> Source:
    """What a stack's own file says, checked, without what it takes from another stack.

    Raises:
        ConfigError, Problems: as `stored_stack` does.
    """
    return _checked(_stored_values(file), file)


def _stored_values(file: StackFile) -> Mapping[str, Json]:
    """What a stack's own file says, where it has no secret of Pulumi's."""
    values = stored(file)
    secrets = [f"{NAMESPACE}{key}" for key, value in values.items() if any(_secure(value, (key,)))]
    if problems := list(_secret_problems(secrets, file)):
        raise Problems(problems)
    return values


def _checked(values: Mapping[str, Json], file: StackFile) -> Source:
    """What a file says, right in itself: an error names the place that a person wrote."""
    places = Places(file.label, file, values)
    check_stack(values, places)
    return Source(file.stack, places, values)


def _structure(value: str) -> Json:
    try:
        return json.loads(value)
    except ValueError:
        return value


def _secret_problems(secrets: Collection[str], file: StackFile) -> Iterator[ConfigError]:
    """A secret would end in the package, the definition or the stack's state: all of it goes by reference."""
    names = sorted(key.removeprefix(NAMESPACE) for key in secrets if key.startswith(NAMESPACE))
    written: Mapping[str, Json] = {}
    if names:  # else the file is not read
        with suppress(ConfigError):
            written = stored(file)
    places = Places(file.label, file, written)
    for name in names:
        for path in list(_secure(written.get(name), (name,))) or [(name,)]:
            yield ConfigError(
                f"{places.at(*path)}: is a secret, which would be readable in the deployed flow; name a secret "
                "of Secrets Manager instead: @secrets in the flow, or service_auth_secret for the metadata service"
            )


def _secure(value: Json, path: KeyPath) -> Iterator[KeyPath]:
    """Where in a value of the file the secrets are."""
    if isinstance(value, dict):
        if set(value) == {"secure"}:
            yield path
        else:
            for name, item in value.items():
                yield from _secure(item, (*path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _secure(item, (*path, index))
