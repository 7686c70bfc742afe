"""Which NVRTC compiles the kernels: where several are installed, one that the driver understands."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyserver.nvrtc_libraries import libraries


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[int, str]:
    """Those of CUDA 12 and 13, beside one another."""
    places = {12: tmp_path / "nvidia/cuda_nvrtc/lib/libnvrtc.so.12", 13: tmp_path / "nvidia/cu13/lib/libnvrtc.so.13"}
    for place in places.values():
        place.parent.mkdir(parents=True)
        place.touch()
        (place.parent / "libnvrtc-builtins.so.1").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    return {major: str(place) for major, place in places.items()}


@pytest.mark.parametrize(("driver", "majors"), [(13, [13, 12]), (12, [12, 13]), (14, [13, 12])])
def test_the_newest_that_is_not_newer_than_the_driver_comes_first(
    wheels: dict[int, str], driver: int, majors: list[int]
) -> None:
    own = [library for library in libraries(driver) if library in (*wheels.values(), *_names(majors))]
    assert own == [library for major in majors for library in (f"libnvrtc.so.{major}", wheels[major])]


def _names(majors: list[int]) -> list[str]:
    return [f"libnvrtc.so.{major}" for major in majors]
