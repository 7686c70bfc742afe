"""`pyserver predict cat.jpg`: pictures as they are, classes and boxes for people."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml
from detector_model import write_detector
from ocr_models import encoded, picture_of
from PIL import Image
from server_process import RepositoryBuilder, ServerProcess


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("pictures")
    repository = RepositoryBuilder(folder / "models")
    pixel = [{"name": "pixel", "datatype": "FP32", "shape": [1, 1, 3]}]
    repository.identity(
        "colours",
        inputs=pixel,
        preprocess={"image": ["decode_image", {"resize": {"size": 1, "filter": "area"}}, {"cast": "FP32"}]},
        postprocess={"OUTPUT0": [{"top_k": {"k": 2, "labels": ["red", "green", "blue"]}}]},
    )
    started = ServerProcess([str(repository.root)], folder / "log")
    yield started
    started.kill()


def run(server: ServerProcess, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pyserver", "predict", *map(str, arguments), "--address", server.address]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_picture_alone_goes_to_the_only_model_that_takes_one(server: ServerProcess, tmp_path: Path) -> None:
    picture = tmp_path / "sea.png"
    Image.new("RGB", (40, 30), (10, 90, 200)).save(picture)
    done = run(server, picture)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines() if line.strip()]
    assert lines[0][0] == "OUTPUT0"
    assert ["200.000000", "2", "blue"] in lines
    assert ["90.000000", "1", "green"] in lines
    assert "red" not in done.stdout


def test_the_model_may_be_named_too(server: ServerProcess, tmp_path: Path) -> None:
    picture = tmp_path / "line.jpg"
    picture.write_bytes(encoded(picture_of("named", (90, 40))))
    done = run(server, "colours", f"image={picture}")
    assert done.returncode == 0, done.stderr
    assert "sent image BYTES [1]" in done.stderr


def test_boxes_need_a_model_that_finds_some(server: ServerProcess, tmp_path: Path) -> None:
    picture = tmp_path / "line.png"
    picture.write_bytes(encoded(picture_of("none", (90, 40)), "PNG"))
    done = run(server, picture, "--boxes", tmp_path / "boxes.png")
    assert done.returncode != 0
    assert "there are no boxes to draw: none of the outputs comes from the op nms" in done.stderr
    assert not (tmp_path / "boxes.png").exists()


def test_a_file_that_is_no_picture_is_refused_by_the_server(server: ServerProcess, tmp_path: Path) -> None:
    text = tmp_path / "cat.jpg"
    text.write_text("meow")
    done = run(server, text)
    assert done.returncode != 0
    assert "decode_image: expected JPEG, PNG, WebP or BMP" in done.stderr


def test_detections_are_listed_and_drawn_into_the_picture(tmp_path: Path) -> None:
    head = np.zeros((4 + 2, 12), np.float32)
    head[:4, 0], head[5, 0] = [32, 32, 16, 8], 0.9
    write_detector(tmp_path / "models" / "finder" / "1" / "model.onnx", head)
    (tmp_path / "models" / "finder" / "model.yaml").write_text(yaml.safe_dump({"preset": "yolo"}))
    picture, drawn, labels = tmp_path / "street.png", tmp_path / "drawn.png", tmp_path / "labels.txt"
    Image.new("RGB", (128, 64), "white").save(picture)
    labels.write_text("cat\ndog\n")
    server = ServerProcess([str(tmp_path / "models")], tmp_path / "log")
    try:
        done = run(server, picture, "--boxes", drawn, "--labels", labels)
    finally:
        server.kill()
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["0.900", "dog", "48.0", "24.0", "80.0", "40.0"] in rows
    assert f"1 box drawn into {drawn}" in done.stdout
    with Image.open(drawn) as image:
        assert image.size == (128, 64)
        coloured = (np.asarray(image) != 255).any(axis=2)
    assert np.flatnonzero(coloured.any(axis=1)).max() == 40
    lowest = np.flatnonzero(coloured[40])
    assert (lowest.min(), lowest.max()) == (48, 80)
