"""Looks for what is there already, which resources wait for."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

from flowinfra.components.ownership import in_thread


def test_a_look_needs_no_thread_in_which_pulumi_waits_for_resources() -> None:
    looked = threading.Event()
    loop = asyncio.new_event_loop()
    loop.set_default_executor(ThreadPoolExecutor(1))

    async def program() -> bool:
        resource = loop.run_in_executor(None, looked.wait, 60)
        await asyncio.wait_for(in_thread(looked.set), 30)
        return await resource

    try:
        assert loop.run_until_complete(program())
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
