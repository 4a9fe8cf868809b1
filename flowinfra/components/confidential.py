"""No secret in what is bound: what a deployment adds to a compiled flow."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from flowinfra.errors import BindError
from flowinfra.model.base import Json
from flowinfra.model.secrets import HIDDEN, REFERENCE, REFERENCE_WORDS, REFUSED, secrets_in


def secret_problems(who: str, parameters: Mapping[str, Json], service_auth_secret: str | None) -> Iterator[BindError]:
    """Deploy-time values that look like secrets, and a secret where its ARN belongs; no value is shown."""
    for path, _ in secrets_in(dict(parameters)):
        yield BindError(f"{who}: parameters.{'.'.join(map(str, path))}: {REFUSED}")
    if service_auth_secret is not None and not re.fullmatch(REFERENCE, service_auth_secret):
        yield BindError(f"{who}: service_auth_secret is {HIDDEN}, allowed: {REFERENCE_WORDS}")
