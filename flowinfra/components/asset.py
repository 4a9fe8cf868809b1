"""A file whose state is the same on every machine.

The engine keeps an asset in a stack's state as path and hash, and takes the hash from the file's bytes unless the
program brings one. Both would differ between machines: the path is in a user's cache, and compressors differ. Three
ways out do not work with Pulumi's real Terraform bridge (v3.120):

- `ignore_changes`: the engine then puts the *old* value into Check, and the bridge opens its path, which is on the
  machine of the last deploy (`pkg/tfbridge/info/assets.go`; pulumi/pulumi#5066);
- the content as a text of the resource: it is in the state, and two of three clouds take no bytes there;
- a path inside of the project: it has to be written at each preview, and a checkout may be read-only.

So the hash is that of the object's content before it was compressed. Check opens this machine's path alone; Diff, Read
and Update get assets by their hash (`ElideAssetContents` in the engine's `provider_plugin.go`), so the old path is
never opened and equal content makes no difference. Google's and Azure's providers compare the hash, too.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from pulumi.runtime import rpc


def file_asset(path: Path, content: str) -> Any:
    """A file as an asset that is known by its content.

    `FileAsset` has no place for a hash: this is what the SDK makes of one, with its hash.

    Args:
        path: of the file, on this machine.
        content: digest of what the file holds, however it is compressed.
    """
    # the bridge keeps a copy of the file under the hash: that of a file with the bare content is another one
    digest = hashlib.sha256(f"flowinfra:{content}".encode()).hexdigest()
    return {rpc._special_sig_key: rpc._special_asset_sig, "path": str(path), "hash": digest}
