"""The suite for a machine with a GPU: `./dev gpu test`. Where there is none, all of it is skipped, with one reason.

`--double FOLDER` runs it on the double of the driver that lies in FOLDER: what is left out then says why.
"""

from __future__ import annotations

import pytest
from machine import Machine, find_machine


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--double", metavar="FOLDER", help="run on the double of the driver in FOLDER")


@pytest.fixture(scope="session")
def machine(request: pytest.FixtureRequest) -> Machine:
    found = find_machine(request.config.getoption("--double"))
    if isinstance(found, str):
        pytest.skip(found)
    return found


@pytest.fixture
def real_gpu(machine: Machine) -> Machine:
    """For what a double cannot show."""
    if machine.double:
        pytest.skip("needs a real GPU")
    return machine
