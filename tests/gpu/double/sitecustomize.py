"""Python imports this by itself at its start, where the folder is in PYTHONPATH: see torch_on_double.py."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from types import ModuleType

_TARGET = "pyserver.engines.torch_graphs"


class _Finder(importlib.abc.MetaPathFinder):
    """Puts the double under the GPU side of the torch engine, once that is imported."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != _TARGET:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        if spec is None or spec.loader is None:
            return None
        loaded = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            loaded(module)
            from torch_on_double import use_double

            use_double(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


sys.meta_path.insert(0, _Finder())
