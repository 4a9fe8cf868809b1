"""What looks like a secret: by the name that it goes under, or by its own form.

All that a flow is deployed with can be read by whoever may look at it, so secrets go by reference. A secret under a
harmless name looks like any other text; what is recognised here is refused, and its value is never shown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from flowinfra.model.base import Json

HIDDEN = "(not shown)"
"""Stands in messages for what looks like a secret."""

REFUSED = (
    "looks like a secret, and would be readable in what is deployed; keep it in Secrets Manager and name it there: "
    "@secrets in the flow, service_auth_secret for the metadata service"
)
"""What a message says of it, after its place."""

REFERENCE = r"^arn:aws[a-z-]*:(secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:|ssm:[a-z0-9-]+:[0-9]{12}:parameter/).+"
"""Grammar of a secret by reference."""
REFERENCE_WORDS = "the ARN of a secret of Secrets Manager or of a parameter of SSM, never the secret itself"

_KINDS = "access|api|auth|bearer|client|encryption|private|refresh|secret|signing"
_NAME = re.compile(rf"(^|_)(password|passwd|passphrase|({_KINDS})_?(key|secret|token))$")
"""Names whose value is a secret whatever it looks like."""
_VAGUE_NAME = re.compile(r"(^|_)(token|secret|credentials?|pwd|key)$")
"""Names that often mean something else (`pad_token`, `db_secret` for the name of one): a random value decides."""
_RANDOM = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9+/=_-]{20,}")
_FORMS = re.compile(
    r"(?<![A-Za-z0-9])(AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])"  # AWS access key
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|\b(gh[oprsu]_[A-Za-z0-9]{36}|github_pat_\w{22,}|glpat-[\w-]{20})"
    r"|\bxox[abeoprs]-[A-Za-z0-9-]{10,}"  # Slack
    r"|\b(sk-[\w-]{20,}|[rs]k_live_\w{20,}|AIza[\w-]{35}|hf_[A-Za-z0-9]{30,})"  # OpenAI, Stripe, Google, Hugging Face
    r"|\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\."  # JSON Web Token
    r"|\b[a-z][a-z0-9+.-]*://[^\s/:@]*:[^\s/@]+@"  # password in an address
)
_REFERENCE = re.compile(r"arn:aws[a-z-]*:.*", re.DOTALL)
_PAIR = re.compile(r"([\w.-]+)[:=](?!//)(\S+)")
"""`key:value`, as tags and options have it."""


def looks_secret(name: str, value: Json) -> bool:
    """Whether a single value under this name looks like a secret. True, false and null never do."""
    if value is None or isinstance(value, bool) or not isinstance(value, (str, int, float)) or value == "":
        return False
    text, words = str(value), _words(name)
    if _FORMS.search(text):
        return True
    if _REFERENCE.fullmatch(text):
        return False
    if _NAME.search(words) or (_VAGUE_NAME.search(words) and _RANDOM.fullmatch(text)):
        return True
    pair = _PAIR.fullmatch(text)
    return pair is not None and looks_secret(pair[1], pair[2])


def secrets_in(value: Json, name: str = "") -> Iterator[tuple[tuple[str | int, ...], Json]]:
    """What in `value`, which goes under `name`, looks like a secret: its path (() for the value itself) and it.

    JSON text is looked into.
    """
    value = _parsed(value)
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from (((key, *path), found) for path, found in secrets_in(item, str(key)))
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from (((index, *path), found) for path, found in secrets_in(item, name))
    elif looks_secret(name, value):
        yield (), value


def shown(value: Json, name: str = "") -> Json:
    """`value` as a message may show it: what looks like a secret is hidden."""
    if isinstance(value, Mapping):
        return {key: shown(item, str(key)) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [shown(item, name) for item in value]
    return HIDDEN if next(secrets_in(value, name), None) else value


def _words(name: str) -> str:
    """`awsSecretAccess-Key` → `aws_secret_access_key`."""
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower())


def _parsed(value: Json) -> Json:
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value
