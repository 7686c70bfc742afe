"""The stand-in that ./dev test uses has nothing that the real package has not, under the same names and signatures."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import tensorrt_rtx as real

_FOLDER = Path(__file__).parents[1] / "support" / "fake_tensorrt"
# What pybind11 writes before a function's explanation: "name(self: module.Class, flag: int = 0) -> bool".
_SIGNATURE = re.compile(r"(?:\d+\. )?\w+\((.*)\) -> ")
_PARAMETER = re.compile(r"(?:^|, )(\w+): ")


@pytest.fixture(scope="module")
def stand_in() -> Iterator[ModuleType]:
    """The stand-in of tensorrt_rtx, beside the real one."""
    sys.path.insert(0, str(_FOLDER))
    kept = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] == "tensorrt_rtx"}
    yield importlib.import_module("tensorrt_rtx")
    sys.path.remove(str(_FOLDER))
    sys.modules.update(kept)


def classes(module: ModuleType) -> dict[str, Any]:
    return {name: value for name, value in vars(module).items() if inspect.isclass(value)}


def public(kind: type) -> dict[str, Any]:
    """What a class has, its own or a base's, that users of it may use."""
    members: dict[str, Any] = {}
    for base in reversed(kind.__mro__[:-1]):
        members |= {name: value for name, value in vars(base).items() if not name.startswith("_")}
    return members


def signatures(function: Any) -> list[list[str]]:
    """The parameters of each overload of a function of pybind11."""
    lines = (function.__doc__ or "").splitlines()
    found = (match.group(1) for line in lines if (match := _SIGNATURE.match(line)))
    return [[name for name in _PARAMETER.findall(text) if name != "self"] for text in found]


def test_every_class_is_there(stand_in: ModuleType) -> None:
    assert stand_in is not real
    missing = [name for name in classes(stand_in) if not hasattr(real, name)]
    assert missing == []


def test_every_enumeration_has_the_members(stand_in: ModuleType) -> None:
    enumerations = {name: kind for name, kind in classes(stand_in).items() if issubclass(kind, Enum)}
    assert len(enumerations) > 8
    for name, kind in enumerations.items():
        members = getattr(real, name).__members__
        assert set(kind.__members__) <= set(members), name
    assert set(stand_in.ILogger.Severity.__members__) == set(real.ILogger.Severity.__members__)


def test_every_method_and_property_has_its_name_and_parameters(stand_in: ModuleType) -> None:
    checked = 0
    for name, kind in classes(stand_in).items():
        if issubclass(kind, Enum):
            continue
        # What a Python class is given by its own __init__ is the stand-in's own business, and not asked for by others.
        for member, value in public(kind).items():
            actual = getattr(getattr(real, name), member, None)
            # The real bases have no method that only a derived class must have.
            if actual is None and name in ("ILogger", "IOutputAllocator"):
                continue
            assert actual is not None, f"{name}.{member}"
            if not inspect.isfunction(value):
                continue
            parameters = [p for p in inspect.signature(value).parameters if p != "self"]
            known = signatures(actual)
            assert parameters in known, f"{name}.{member}: {parameters}, the real one has {known}"
            checked += 1
    assert checked > 40


def test_the_adapter_uses_nothing_that_the_real_package_lacks() -> None:
    """Attributes of TensorRT's module, as the adapter writes them; what it asks with getattr() may be missing."""
    used = set()
    for source in (Path(__file__).parents[2] / "pyserver" / "engines" / "tensorrt").glob("*.py"):
        used |= set(re.findall(r"\bmodule\.([A-Z]\w+(?:\.[A-Za-z]\w+)*)", source.read_text(encoding="utf-8")))
    assert len(used) > 15
    for path in sorted(used):
        found: Any = real
        for part in path.split("."):
            assert hasattr(found, part), path
            found = getattr(found, part)
