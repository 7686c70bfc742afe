from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from pyserver.services.change_feed import ChangeFeed, TooManyWatchersError
from pyserver.transport.loop_thread import LoopThread


@pytest.fixture
def loop() -> Iterator[LoopThread]:
    thread = LoopThread("watchers")
    yield thread
    thread.stop()
    thread.join()


def test_who_waits_until_a_change_is_told_waits_for_the_slowest_watcher(loop: LoopThread) -> None:
    feed = ChangeFeed(10)
    told: list[str] = []
    watching, may_tell = threading.Barrier(3), threading.Event()

    async def follow(name: str, slow: bool) -> None:
        with feed.watch() as watch:
            await asyncio.to_thread(watching.wait, 10)
            await watch.change()
            if slow:
                await asyncio.to_thread(may_tell.wait, 10)
            told.append(name)
            await watch.change()

    tasks = [asyncio.run_coroutine_threadsafe(follow(name, name == "slow"), loop.loop) for name in ("quick", "slow")]
    watching.wait(10)
    feed.notify()
    assert not feed.wait_until_told(0.01)
    may_tell.set()
    assert feed.wait_until_told(10)
    assert sorted(told) == ["quick", "slow"]
    for task in tasks:
        task.cancel()


def test_a_watcher_that_leaves_is_not_waited_for(loop: LoopThread) -> None:
    feed = ChangeFeed(10)
    watching = threading.Event()

    async def leave() -> None:
        with feed.watch():
            watching.set()
            await asyncio.sleep(3600)

    task = asyncio.run_coroutine_threadsafe(leave(), loop.loop)
    assert watching.wait(10)
    feed.notify()
    task.cancel()
    assert feed.wait_until_told(10)


def test_without_watchers_nobody_waits_and_too_many_are_refused(loop: LoopThread) -> None:
    feed = ChangeFeed(0)
    feed.notify()
    assert feed.wait_until_told(0)

    async def watch() -> None:
        with feed.watch():
            pass

    with pytest.raises(TooManyWatchersError, match="limit"):
        loop.run(watch())
