"""The user's folders that flowinfra keeps things in, as the system has them (on Linux: XDG's)."""

from __future__ import annotations

from pathlib import Path

from platformdirs import user_cache_path, user_state_path

_NAME = "flowinfra"


def cache_folder(name: str) -> Path:
    """Folder for what can be made again, such as `~/.cache/flowinfra/<name>`; it need not exist."""
    return user_cache_path(_NAME).expanduser().absolute() / name


def state_folder(name: str) -> Path:
    """Folder for what is to stay, such as `~/.local/state/flowinfra/<name>`; it need not exist."""
    return user_state_path(_NAME).expanduser().absolute() / name
