"""Where a component makes a flow's objects, and what keeps it from making them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec

import pulumi

from flowinfra.components.location import AzureStorage
from flowinfra.errors import ConfigError
from flowinfra.model.datastores import datastore_problems

_PROVIDERS = {"gs": ("pulumi_gcp", "gcp"), "azure": ("pulumi_azure_native", "azure")}
"""Datastore → the package that makes its objects, and the extra of flowinfra that brings it."""


@dataclass(frozen=True)
class Store:
    """Where a component makes a flow's objects."""

    bucket: pulumi.Input[str]
    """Name of the bucket; in Azure of the container."""
    prefix: str
    datastore: str = "s3"
    """One of `DATASTORES`."""
    azure: AzureStorage | None = None

    def problems(self, who: str) -> Iterator[ConfigError]:
        """What keeps objects from being made there; `who`: what messages begin with."""
        wrong = list(datastore_problems(self.datastore, self.azure is not None))
        for problem in wrong:
            yield ConfigError(f"{who}: platform.{problem}")
        package, extra = _PROVIDERS.get(self.datastore, ("", ""))
        if not wrong and package and find_spec(package) is None:
            yield ConfigError(
                f"{who}: the datastore {self.datastore!r} needs the package {package.replace('_', '-')}, which is not "
                f"installed where this program runs; install flowinfra[{extra}]"
            )
