"""What a look at repositories finds, and what it leaves out."""

import os
from pathlib import Path

import pytest

from pyserver.repository.layout import Scan, scan


def add_version(repository: Path, model: str, version: int | str, content: bytes = b"weights") -> Path:
    folder = repository / model / str(version)
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(content)
    return folder


def found(result: Scan) -> dict[str, list[int]]:
    return {name: sorted(model.versions) for name, model in result.models.items()}


def print_of(repository: Path, model: str = "m", version: int = 1) -> str:
    return scan([repository]).models[model].versions[version].fingerprint


def test_models_and_versions_are_found(tmp_path: Path) -> None:
    for model, version in [("a", 1), ("a", 12), ("b.c-d_9", 3)]:
        add_version(tmp_path, model, version)
    (tmp_path / "a" / "model.yaml").write_text("max_batch_size: 4")
    (tmp_path / "README.md").write_text("not a model")
    result = scan([tmp_path])
    assert found(result) == {"a": [1, 12], "b.c-d_9": [3]}
    assert result.models["a"].config == b"max_batch_size: 4"
    assert result.models["b.c-d_9"].config_path is None
    assert result.warnings == []


@pytest.mark.parametrize("name", ["a b", ".hidden", "naïve", "a\nb", "a$"])
def test_a_name_that_is_none_is_left_out_with_a_warning(tmp_path: Path, name: str) -> None:
    add_version(tmp_path, name, 1)
    add_version(tmp_path, "good", 1)
    result = scan([tmp_path])
    assert found(result) == {"good": [1]}
    assert len(result.warnings) == 1
    assert "left out" in result.warnings[0]


@pytest.mark.parametrize("version", ["0", "01", str(2**63), "9" * 200, "00"])
def test_a_number_that_is_no_version_is_left_out_with_a_warning(tmp_path: Path, version: str) -> None:
    add_version(tmp_path, "m", version)
    add_version(tmp_path, "m", 2**63 - 1)
    result = scan([tmp_path])
    assert found(result) == {"m": [2**63 - 1]}
    assert "a version is a whole number from 1" in result.warnings[0]


@pytest.mark.parametrize("name", ["tmp", "3.part", "-1", "1_000", "¹"])
def test_folders_that_are_no_numbers_are_nobodys_business(tmp_path: Path, name: str) -> None:
    add_version(tmp_path, "m", 1)
    add_version(tmp_path, "m", name)
    result = scan([tmp_path])
    assert found(result) == {"m": [1]}
    assert result.warnings == []


def test_a_model_without_versions_is_left_out_with_a_warning(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "model.onnx").write_bytes(b"")
    result = scan([tmp_path])
    assert result.models == {}
    assert result.warnings == [f"{tmp_path}/m: left out, it has no version folder such as m/1"]


def test_the_first_repository_wins_a_name(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    add_version(first, "m", 1)
    add_version(second, "m", 2)
    add_version(second, "n", 1)
    result = scan([first, second])
    assert found(result) == {"m": [1], "n": [1]}
    assert result.warnings == [f"{second}/m: left out, {first}/m has the same name"]


def test_a_link_inside_of_the_repository_is_followed(tmp_path: Path) -> None:
    add_version(tmp_path / "repository", "m", 1)
    os.symlink("1", tmp_path / "repository" / "m" / "2")
    result = scan([tmp_path / "repository"])
    assert found(result) == {"m": [1, 2]}
    assert result.models["m"].versions[2].problem == ""


def test_a_repository_may_itself_be_a_link(tmp_path: Path) -> None:
    add_version(tmp_path / "real", "m", 1)
    os.symlink(tmp_path / "real", tmp_path / "link")
    assert scan([tmp_path / "link"]).models["m"].versions[1].problem == ""


def test_a_model_linked_from_outside_is_left_out(tmp_path: Path) -> None:
    add_version(tmp_path / "outside", "m", 1)
    (tmp_path / "repository").mkdir()
    os.symlink(tmp_path / "outside" / "m", tmp_path / "repository" / "m")
    result = scan([tmp_path / "repository"])
    assert result.models == {}
    assert "a symbolic link leads out of the repository" in result.warnings[0]


@pytest.mark.parametrize("what", ["version", "file", "nested folder"])
def test_a_version_with_files_from_outside_must_not_be_loaded(tmp_path: Path, what: str) -> None:
    outside = add_version(tmp_path / "outside", "x", 1)
    version = add_version(tmp_path / "repository", "m", 1)
    if what == "version":
        os.symlink(outside, version.parent / "2")
    elif what == "file":
        add_version(tmp_path / "repository", "m", 2)
        os.symlink("/etc/passwd", version.parent / "2" / "secret.bin")
    else:
        add_version(tmp_path / "repository", "m", 2)
        os.symlink(outside, version.parent / "2" / "variables")
    versions = scan([tmp_path / "repository"]).models["m"].versions
    assert versions[1].problem == ""
    assert "a symbolic link leads out of the repository" in versions[2].problem


def test_a_model_yaml_from_outside_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("password")
    add_version(tmp_path / "repository", "m", 1)
    os.symlink(tmp_path / "secret", tmp_path / "repository" / "m" / "model.yaml")
    model = scan([tmp_path / "repository"]).models["m"]
    assert model.config == b""
    assert "leads out of the repository" in model.config_problem


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    version = add_version(tmp_path, "m", 1)
    os.symlink(".", version / "again")
    os.symlink("loop", version / "loop")
    assert scan([tmp_path]).models["m"].versions[1].problem != ""


@pytest.mark.parametrize("change", ["content", "time", "new file", "removed", "replaced", "nested", "configuration"])
def test_a_fingerprint_changes_with_the_files(tmp_path: Path, change: str) -> None:
    folder = add_version(tmp_path, "m", 1)
    file = folder / "model.onnx"
    (folder / "variables").mkdir()
    before = print_of(tmp_path)
    assert print_of(tmp_path) == before
    status = file.stat()
    if change == "content":
        file.write_bytes(b"other weights")
    elif change == "time":
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    elif change == "new file":
        (folder / "labels.txt").write_text("")
    elif change == "removed":
        file.unlink()
    elif change == "replaced":
        copy = folder / "copy"
        copy.write_bytes(file.read_bytes())
        os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))
        copy.replace(file)
    elif change == "nested":
        (folder / "variables" / "data").write_bytes(b"")
    else:
        (tmp_path / "m" / "model.yaml").write_text("max_batch_size: 2")
    assert print_of(tmp_path) != before


def test_a_single_file_is_version_1_of_its_name(tmp_path: Path) -> None:
    file = tmp_path / "digits.onnx"
    file.write_bytes(b"weights")
    model = scan([file]).models["digits"]
    assert model.versions[1].path == file
    assert model.versions[1].problem == ""


def test_weights_beside_a_single_file_belong_to_it(tmp_path: Path) -> None:
    (tmp_path / "net.xml").write_bytes(b"<net/>")
    (tmp_path / "net.bin").write_bytes(b"1")
    (tmp_path / "other.bin").write_bytes(b"1")
    before = print_of(tmp_path / "net.xml", "net")
    (tmp_path / "other.bin").write_bytes(b"22")
    assert print_of(tmp_path / "net.xml", "net") == before
    (tmp_path / "net.bin").write_bytes(b"22")
    assert print_of(tmp_path / "net.xml", "net") != before


def test_a_saved_model_folder_is_a_model(tmp_path: Path) -> None:
    folder = tmp_path / "half_plus_two.savedmodel"
    folder.mkdir()
    (folder / "saved_model.pb").write_bytes(b"")
    assert found(scan([folder])) == {"half_plus_two": [1]}


def test_a_model_folder_may_be_given_instead_of_its_repository(tmp_path: Path) -> None:
    add_version(tmp_path, "m", 4)
    (tmp_path / "m" / "model.yaml").write_text("")
    assert found(scan([tmp_path / "m"])) == {"m": [4]}


def test_a_repository_that_is_not_there_is_reported_and_the_others_are_read(tmp_path: Path) -> None:
    add_version(tmp_path / "here", "m", 1)
    result = scan([tmp_path / "gone", tmp_path / "here"])
    assert found(result) == {"m": [1]}
    assert list(result.unreadable) == [tmp_path / "gone"]
    assert "No such file or directory" in result.unreadable[tmp_path / "gone"]
