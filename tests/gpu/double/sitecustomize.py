"""Python imports this by itself at its start, where the folder is in PYTHONPATH: see torch_on_double.py."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from types import ModuleType

_ENGINE = "pyserver.engines.torch_graphs"
_CHECK = "pyserver.engines.torch_cuda"


class _Finder(importlib.abc.MetaPathFinder):
    """Puts the double under the GPU side of the torch engine, once that is imported; nobody asks for a real GPU."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in (_ENGINE, _CHECK):
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        if spec is None or spec.loader is None:
            return None
        loaded = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            loaded(module)
            if fullname == _CHECK:
                vars(module)["check_device"] = lambda _torch, _file, _device: None
            else:
                from torch_on_double import use_double

                use_double(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


sys.meta_path.insert(0, _Finder())
