"""Region and account of the provider that is used; the default one is asked once in a program."""

from __future__ import annotations

from collections.abc import Callable
from weakref import WeakKeyDictionary

import pulumi
import pulumi_aws as aws
from pulumi.runtime.settings import get_monitor

_known: WeakKeyDictionary[object, dict[str, str]] = WeakKeyDictionary()
"""Program → what its default provider has answered."""


def region(opts: pulumi.InvokeOptions | None = None) -> str:
    """Region of the provider that is used; the configuration is that of the default one, and need not be asked for."""
    known = None if _explicit(opts) else pulumi.Config("aws").get("region")
    return known or _once("region", opts, lambda: aws.get_region(opts=opts).region)


def account(opts: pulumi.InvokeOptions | None = None) -> str:
    """Account of the provider that is used."""
    return _once("account", opts, lambda: aws.get_caller_identity(opts=opts).account_id)


def _once(what: str, opts: pulumi.InvokeOptions | None, ask: Callable[[], str]) -> str:
    if opts is not None:
        return ask()
    known = _known.setdefault(get_monitor(), {})
    if what not in known:
        known[what] = ask()
    return known[what]


def _explicit(opts: pulumi.InvokeOptions | None) -> bool:
    if opts is None:
        return False
    inherited = opts.parent.get_provider("aws:index/getRegion:getRegion") if opts.parent else None
    return opts.provider is not None or inherited is not None
