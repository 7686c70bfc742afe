"""The suite for a machine with a GPU: `./dev gpu test`. Where there is none, all of it is skipped, with one reason.

`--double` says that libcuda.so.1 is the driver's double here (tools/gpu.sh --double sees to that): what only a real GPU
shows is skipped.
"""

from __future__ import annotations

import pytest
from machine import Machine, find_machine


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--double", action="store_true", help="libcuda.so.1 is the driver's double")


@pytest.fixture(scope="session", autouse=True)
def machine(request: pytest.FixtureRequest) -> Machine:
    found = find_machine(bool(request.config.getoption("--double")))
    if isinstance(found, str):
        pytest.skip(found)
    return found


@pytest.fixture
def real_gpu(machine: Machine) -> Machine:
    """For what a double cannot show."""
    if machine.double:
        pytest.skip("needs a real GPU")
    return machine
