"""JSONPath as Step Functions evaluates it.

AWS: `$.['a','b']` gives an object with these keys (Metaflow passes parameters on like that), and a path
that names exactly one node, such as `$.[0].JobId`, gives its value
(https://docs.aws.amazon.com/step-functions/latest/dg/amazon-states-language-paths.html: reference paths).

moto: gives a list in both cases. It also builds a parser for every evaluation, which takes longer than the
rest of a state.
"""

from __future__ import annotations

import functools
import re
import sys
from typing import Any

import moto.stepfunctions.parser.asl.utils.json_path as json_path
import moto.stepfunctions.parser.models  # noqa: F401  (imports all that imports `extract_json`)

from flowinfra.local.mends.mend import Mend, Patch, patch

_extract = json_path.extract_json
_SEVERAL_KEYS = re.compile(r"^(\$.*?)\.?\[\s*('[^']+'(?:\s*,\s*'[^']+')+)\s*\]$")
_INDEFINITE = re.compile(r"\*|:|\?|\.\.")
_QUOTED = re.compile(r"'[^']*'")

parse = functools.lru_cache(maxsize=4096)(vars(json_path)["parse"])


def extract(path: str, data: Any) -> Any:
    """The value of `path` in `data`; NoSuchJsonPathError if `data` has no such path."""
    several = _SEVERAL_KEYS.match(path)
    if several:
        base = data if several[1] == "$" else extract(several[1], data)
        keys = [key.strip("'") for key in _QUOTED.findall(several[2])]
        return {key: base[key] for key in keys if key in base}
    if not _INDEFINITE.search(_QUOTED.sub("", path)):
        matches = parse(path).find(data)
        if len(matches) == 1:
            return matches[0].value
    return _extract(path, data)


def _importers() -> tuple[Patch, ...]:
    """`extract_json` in each module that has imported it by name."""
    return tuple(
        patch(module, "extract_json", extract)
        for name, module in sorted(sys.modules.items())
        if name.startswith("moto.stepfunctions.parser.") and getattr(module, "extract_json", None) is _extract
    )


MEND = Mend("json-paths", (*_importers(), patch(json_path, "parse", parse)))
