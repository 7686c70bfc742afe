"""The walls between the folders of csrc/ stand, and the checker sees every way through them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def check(root: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "tools" / "include_rules.py"), str(root)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "csrc", tmp_path / "csrc")
    return tmp_path


def plant(root: Path, file: str, line: str) -> None:
    path = root / "csrc" / file
    path.write_text(f"{line}\n{path.read_text()}")


def link(root: Path, folder: str, target: str) -> None:
    path = root / "csrc" / folder / "CMakeLists.txt"
    path.write_text(path.read_text().replace("DEPENDS", f"DEPENDS {target}"))


def test_no_file_of_the_core_includes_what_its_folder_does_not_link() -> None:
    result = check(ROOT)
    assert result.returncode == 0, result.stdout


def test_an_untouched_copy_passes(copy: Path) -> None:
    assert check(copy).returncode == 0


@pytest.mark.parametrize(
    ("file", "header", "reason"),
    [
        ("base/status.h", "tensor/shape.h", "csrc/base/CMakeLists.txt does not link csrc/tensor"),
        ("tensor/shape.cc", "inference/engine.h", "csrc/tensor/CMakeLists.txt does not link csrc/inference"),
        ("codec/wire_reader.cc", "batching/dynamic_batcher.h", "csrc/codec/CMakeLists.txt does not link csrc/batching"),
        ("batching/batch_policy.cc", "engines/identity/identity_engine.h", "no engine"),
        ("engines/identity/identity_engine.cc", "server/infer_service.h", "does not know who runs it"),
        ("engines/identity/identity_engine.cc", "engines/openvino/openvino_engine.h", "does not link"),
        ("server/infer_service.cc", "python/core.h", "the bindings are the top"),
        ("server/infer_service.cc", "base/no_such_file.h", "no such file"),
    ],
)
def test_a_forbidden_include_is_named(copy: Path, file: str, header: str, reason: str) -> None:
    plant(copy, file, f'#include "{header}"')
    result = check(copy)
    assert result.returncode == 1
    assert f"csrc/{file} includes {header}, but" in result.stdout
    assert reason in result.stdout


@pytest.mark.parametrize(
    "line",
    ["#include <tensor/shape.h>", '  #  include "tensor/shape.h"', '\t#include\t"tensor/shape.h"'],
)
def test_no_spelling_of_an_include_escapes(copy: Path, line: str) -> None:
    plant(copy, "base/text.cc", line)
    result = check(copy)
    assert result.returncode == 1
    assert "csrc/base/text.cc includes tensor/shape.h" in result.stdout


def test_a_detour_through_a_permitted_folder_is_refused(copy: Path) -> None:
    plant(copy, "memory/allocator.cc", '#include "base/../tensor/shape.h"')
    result = check(copy)
    assert result.returncode == 1
    assert "without .." in result.stdout


def test_python_is_known_to_the_bindings_only(copy: Path) -> None:
    plant(copy, "server/model_runtime.cc", "#include <pybind11/pybind11.h>")
    result = check(copy)
    assert result.returncode == 1
    assert "Python is known to the bindings only" in result.stdout


@pytest.mark.parametrize("header", ["jpeglib.h", "png.h", "webp/decode.h"])
def test_encoded_pictures_are_known_to_the_picture_decoders_only(copy: Path, header: str) -> None:
    plant(copy, "ops/decode_image.cc", f"#include <{header}>")
    result = check(copy)
    assert result.returncode == 1
    assert "encoded pictures are known to the picture decoders only" in result.stdout


def test_the_drivers_header_comes_with_those_of_its_folder(copy: Path) -> None:
    plant(copy, "inference/model_signature.cc", "#include <cuda.h>")
    result = check(copy)
    assert result.returncode == 1
    assert "everyone else includes those" in result.stdout


def test_openvino_is_known_to_its_engine_and_the_tokenizer_only(copy: Path) -> None:
    plant(copy, "inference/model_signature.cc", "#include <openvino/openvino.hpp>")
    result = check(copy)
    assert result.returncode == 1
    assert "OpenVINO is known to its engine and tokenizer only" in result.stdout


@pytest.mark.parametrize(
    ("folder", "target", "sentence"),
    [
        ("batching", "pyserver_engine_identity", "csrc/batching must not link csrc/engines/identity"),
        ("engines/identity", "pyserver_server", "csrc/engines/identity must not link csrc/server"),
        ("base", "pyserver_memory", "csrc/base links itself"),
    ],
)
def test_a_forbidden_link_is_named_even_without_an_include(copy: Path, folder: str, target: str, sentence: str) -> None:
    link(copy, folder, target)
    result = check(copy)
    assert result.returncode == 1
    assert sentence in result.stdout


def test_the_codec_and_the_transport_never_know_each_other(copy: Path) -> None:
    transport = copy / "csrc" / "grpc"
    transport.mkdir(exist_ok=True)
    (transport / "CMakeLists.txt").write_text("pyserver_library(grpc SOURCES framing.cc DEPENDS pyserver_codec)\n")
    (transport / "framing.cc").write_text('#include "codec/wire_reader.h"\n')
    result = check(copy)
    assert result.returncode == 1
    assert "csrc/grpc must not link csrc/codec" in result.stdout


def test_a_file_that_no_target_builds_is_named(copy: Path) -> None:
    (copy / "csrc" / "stray").mkdir()
    (copy / "csrc" / "stray" / "stray.cc").write_text("int stray;\n")
    result = check(copy)
    assert result.returncode == 1
    assert "csrc/stray/stray.cc belongs to no target" in result.stdout
