"""What ModelStatus tells of the memory for requests and responses."""

from __future__ import annotations

from pyserver import _core


def memory_counters(core: _core.Core) -> dict[str, int]:
    """By name. Bytes are those of now; `reused`, `allocated` and both `refused` count since the server began.

    `refused` are requests that got no memory, `pinned_refused` blocks that are not page-locked though a GPU copies from
    them.
    """
    pool, pinned = core.buffer_pool_stats(), core.pinned_stats()
    return {
        "used_bytes": pool.used_bytes,
        "idle_bytes": pool.idle_bytes,
        "reused": pool.reused,
        "allocated": pool.allocated,
        "refused": pool.refused,
        "pinned_bytes": pinned.pinned_bytes,
        "pinned_limit_bytes": pinned.limit_bytes,
        "pinned_blocks": pinned.blocks,
        "pinned_refused": pinned.refused,
    }
