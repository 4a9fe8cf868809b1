"""What definitions that are deployed or running name: job definitions, and objects of S3 by bucket and key."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

DIGEST = re.compile(r"[0-9a-f]{40}")
_URL = re.compile(r"s3://[^\s\"'\\,;)]+")
"""A place in S3, also within JSON that is text of JSON."""


class References:
    """Texts of definitions, and what they name."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._urls: set[str] = set()
        self._bare: dict[str, list[frozenset[str]]] = defaultdict(list)
        """Digest that stands alone in a text → buckets that the text names, for each such text."""

    def add(self, text: str) -> None:
        """Note a definition."""
        self._texts.append(text)
        urls = _URL.findall(text)
        self._urls.update(map(_plain, urls))
        placed = {digest for url in urls for digest in DIGEST.findall(url)}
        buckets = frozenset(url.split("/")[2] for url in urls)
        for digest in set(DIGEST.findall(text)) - placed:
            self._bare[digest].append(buckets)

    def add_objects(self, urls: Iterable[str]) -> None:
        """Note objects of S3, `s3://bucket/key`."""
        known = {_plain(url) for url in urls}
        self._urls.update(known)
        self._texts.extend(known)

    def has_job(self, name: str) -> bool:
        """Whether a job definition, `name:revision`, is named: with or without its revision."""
        names = (f'"{name}"', f'"{name.rpartition(":")[0]}"')
        return any(name in text for text in self._texts for name in names)

    def has_object(self, url: str) -> bool:
        """Whether an object is named.

        Equal bytes have equal digests in every bucket, so the place counts. A digest without a place may be in any
        bucket that its text names, or in all if it names none.
        """
        if _plain(url) in self._urls:
            return True
        bucket, digest = url.split("/")[2], url.rpartition("/")[2]
        return any(not buckets or bucket in buckets for buckets in self._bare.get(digest, ()))

    def has_folder(self, root: str) -> bool:
        """Whether anything in a folder of S3, `s3://bucket/folder`, is named."""
        return any(f"{root}/" in text for text in self._texts)


def _plain(url: str) -> str:
    """The same place, written in one way."""
    return "s3://" + re.sub(r"/{2,}", "/", url.removeprefix("s3://")).rstrip("/")
