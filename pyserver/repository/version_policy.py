"""Which versions of a model should serve: a pure function."""

from __future__ import annotations

from collections.abc import Iterable

from pyserver.config.schema import VersionPolicy


def wanted_versions(policy: VersionPolicy, versions: Iterable[int]) -> tuple[int, ...]:
    """The versions that `policy` wants, the highest first.

    A version that `specific` names is wanted even where it is not among `versions`: whoever named it must learn that
    it is missing.
    """
    if policy.specific is not None:
        return tuple(sorted(set(policy.specific), reverse=True))
    present = sorted(set(versions), reverse=True)
    return tuple(present if policy.latest is None else present[: policy.latest])
