"""Where the driver stands in Metaflow: what a supported version has, and how modules are put in its way."""

from __future__ import annotations

import builtins
import importlib
from collections.abc import Iterable
from typing import Any

from . import decorator_words
from .overrides import SEAMS as SEAMS_OF_OVERRIDES
from .refusal import Refusal

REQUIRED = (
    ("metaflow.flowspec", "FlowSpec.__init__"),
    ("metaflow.plugins.aws.aws_client", "cached_provider_class"),
    ("metaflow.metaflow_version", "call_git_describe"),
    ("metaflow.includefile", "FilePathClass"),
    ("metaflow.packaging_sys.tar_backend", "tarfile"),
    ("metaflow.packaging_sys.tar_backend", "TarPackagingBackend.add_file"),
    ("metaflow.packaging_sys.utils", "walk"),
    ("metaflow.packaging_sys.utils", "suffix_filter"),
    ("metaflow.package", "DEFAULT_SUFFIXES_LIST"),
    ("metaflow.parameters", "DeployTimeField"),
    *SEAMS_OF_OVERRIDES,
    *decorator_words.SEAMS,
)
"""Module and name of everything that is replaced in Metaflow, whatever the target."""


def check(required: Iterable[tuple[str, str]]) -> None:
    """Refuse a Metaflow that lacks a name."""
    for module, name in required:
        try:
            found = importlib.import_module(module)
            for part in name.split("."):
                found = getattr(found, part)
        except (ImportError, AttributeError):
            raise Refusal("seam", f"{module}.{name}") from None


def stand_in(modules: dict[str, Any]) -> None:
    """Give Metaflow these modules (by name) where it imports them; everybody else gets what is installed."""
    original = builtins.__import__

    def imported(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        if name in modules and level == 0 and str((globals or {}).get("__name__")).startswith("metaflow."):
            return modules[name]
        return original(name, globals, locals, fromlist, level)

    builtins.__import__ = imported


def beside(name: str) -> Any:
    """A module of this package that only some compiles need."""
    return importlib.import_module(f".{name}", __package__)
