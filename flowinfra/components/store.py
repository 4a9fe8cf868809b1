"""Where a component makes a flow's objects, and what keeps it from making them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pulumi

from flowinfra.components.location import AzureStorage
from flowinfra.engine.extras import missing
from flowinfra.errors import ConfigError, FlowInfraError
from flowinfra.model.datastores import datastore_problems

_EXTRAS = {"gs": "gcp", "azure": "azure"}
"""Datastore → the extra of flowinfra that brings the package which makes its objects."""


@dataclass(frozen=True)
class Store:
    """Where a component makes a flow's objects."""

    bucket: pulumi.Input[str]
    """Name of the bucket; in Azure of the container."""
    prefix: str
    datastore: str = "s3"
    """One of `DATASTORES`."""
    azure: AzureStorage | None = None

    def problems(self, who: str) -> Iterator[FlowInfraError]:
        """What keeps objects from being made there; `who`: what messages begin with."""
        wrong = list(datastore_problems(self.datastore, self.azure is not None))
        for problem in wrong:
            yield ConfigError(f"{who}: platform.{problem}")
        extra = None if wrong else _EXTRAS.get(self.datastore)
        if extra and (error := missing(extra, f"{who}: the datastore {self.datastore!r}")):
            yield error
