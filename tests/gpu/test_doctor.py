"""`pyserver doctor` on this machine: it finds the GPU, and measures that its memory is reached as it should be."""

from __future__ import annotations

import re
import subprocess

from machine import Machine
from server_process import SERVER_PYTHON

# An x16 slot of the fourth generation moves 25 GB/s; less than a tenth of that is no page-locked memory.
LEAST_GB_S = 2.5


def test_doctor_names_the_gpu_and_measures_page_locked_memory(machine: Machine) -> None:
    command = [SERVER_PYTHON, "-m", "pyserver", "doctor"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
    assert machine.gpu.name in told
    measured = re.search(r"pinned memory, GPU 0 +works: ([0-9.]+) GB/s to the GPU, ([0-9.]+) GB/s back", told)
    assert measured, told
    if not machine.double:
        assert min(float(measured[1]), float(measured[2])) > LEAST_GB_S, told
        assert re.search(r"NVRTC +works: ", told), told
        assert re.search(r"PyTorch +.*finds the GPU", told), told
