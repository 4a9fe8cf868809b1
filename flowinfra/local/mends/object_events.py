"""Objects of a bucket that sends events to EventBridge: the event has what AWS puts into it, on the default bus.

AWS: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html and ev-mapping.html.

moto: sends it to rules of all buses, disabled ones included, with the names of the older notifications (`eTag`,
`ObjectCreated`), a fixed sequencer, and the version of objects that have none; without an id; and says of each new
object that it was tagged.
"""

from __future__ import annotations

from typing import Any

import moto.s3.notifications as notifications

from flowinfra.local.events import shapes
from flowinfra.local.events.bus import BUS
from flowinfra.local.mends.mend import Mend, patch

_CREATED = {
    "Put": "PutObject",
    "Post": "POST Object",
    "Copy": "CopyObject",
    "CompleteMultipartUpload": "CompleteMultipartUpload",
}
"""The older notifications' name → the reason that an event gives."""


def send(account_id: str, bucket: Any, event_name: Any, key: Any) -> None:
    """Send the event of an object that was made or deleted; of the others, moto tells some too many."""
    kind, _, what = str(event_name.value).removeprefix("s3:").partition(":")
    if kind == "ObjectCreated":
        BUS.put(shapes.object_changed("Object Created", bucket, key, {"reason": _CREATED[what]}))
    elif kind == "ObjectRemoved":
        deletion = "Delete Marker Created" if what == "DeleteMarkerCreated" else "Permanently Deleted"
        more = {"reason": "DeleteObject", "deletion-type": deletion}
        BUS.put(shapes.object_changed("Object Deleted", bucket, key, more))


MEND = Mend("object_events", (patch(notifications, "_send_event_bridge_message", send),))
