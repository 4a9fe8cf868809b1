"""Fetching the packages that a lock names into the compile cache: what a machine that did not lock does once."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import unquote, urlsplit

import requests

from flowinfra.compiler import cache
from flowinfra.compiler.lock import missing_packages
from flowinfra.errors import LockError, together
from flowinfra.model.lock import Lock, LockedPackage

AT_A_TIME = 4
"""Downloads in parallel."""
TIME_LIMIT = 60
"""Seconds without a byte after which a download is given up."""
CHUNK = 1 << 20


def fetch_packages(lock: Lock, progress: Callable[[str], None]) -> int:
    """Fetch what the cache lacks of a lock, each package verified by its digest; returns how many were fetched.

    Credentials come from .netrc and proxies from the environment, as `requests` takes them.

    Raises:
        LockError: a package cannot be reached, or is not what was locked.
        Problems: several of them.
    """
    keys = missing_packages(lock, set(lock.environments))

    def one(key: str) -> LockError | None:
        package = lock.packages[key]
        try:
            _fetch(key, package)
        except LockError as error:
            return error
        progress(f"{_name(key)} ({package.size / 1e6:.1f} MB)")
        return None

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        errors = [error for error in pool.map(one, keys) if error is not None]
    if errors:
        raise together(errors)
    return len(keys)


def _name(key: str) -> str:
    return unquote(key.rsplit("/", 1)[-1])


def _fetch(key: str, package: LockedPackage) -> None:
    folder = cache.cache_root()
    folder.mkdir(parents=True, exist_ok=True)
    host = urlsplit(package.url).netloc
    with tempfile.TemporaryDirectory(prefix="fetch-", dir=folder) as temporary:
        path = Path(temporary) / "package"
        sha256 = hashlib.sha256()
        try:
            with requests.get(package.url, stream=True, timeout=TIME_LIMIT) as response, path.open("wb") as file:
                if not response.ok:
                    raise LockError(f"{_name(key)}: {host} answered {response.status_code} {response.reason}")
                for chunk in response.iter_content(CHUNK):
                    sha256.update(chunk)
                    file.write(chunk)
        except requests.RequestException as error:
            raise LockError(f"{_name(key)}: cannot be fetched from {host} ({type(error).__name__})") from None
        if sha256.hexdigest() != package.sha256:
            raise LockError(
                f"{_name(key)}: {host} gave other bytes than were locked (sha256 {sha256.hexdigest()}, locked "
                f"{package.sha256}); find out why before you lock again"
            )
        cache.adopt_blob(package.sha256, path)
