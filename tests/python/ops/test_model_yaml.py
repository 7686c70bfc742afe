"""Chains in a model.yaml: what serves, and what fails the load, with the op, the tensor and the mismatch named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from detector_model import write_detector
from ocr_models import encoded, picture_of
from PIL import Image
from server_process import RepositoryBuilder, StartServer

from pyserver import _core
from pyserver.client import Client, RequestFailedError
from pyserver.config.load import parse_model_config
from pyserver.config.schema import ModelConfig
from pyserver.engines import LoadContext
from pyserver.errors import ConfigError, ModelLoadError
from pyserver.repository.processing import make_processing

Array = np.ndarray[Any, Any]

PICTURE = _core.TensorSpec("x", "FP32", [3, 224, 224])
ANSWER = _core.TensorSpec("y", "FP32", [3, 224, 224])
IDENTITY = _core.identity_engine(inputs=[PICTURE], outputs=[ANSWER], max_batch_size=4).signature


def processing(text: str, folder: Path) -> _core.Processing | None:
    """The chains of this model.yaml, for an identity model of one picture."""
    config = parse_model_config(text.encode(), folder / "model.yaml")
    return make_processing(config, IDENTITY, [folder], LoadContext(threads=1))


@pytest.mark.parametrize(
    ("chains", "sentence"),
    [
        ("preprocess: {x: [decode_image, to_tensor, {resize: 224}]}",
         "preprocess.x: input 'x': op 3 (resize): "),
        ("preprocess: {x: [decode_image, {resize: 224}, layout]}",
         "preprocess.x: input 'x': its ops give UINT8 [3, 224, 224], but the model's input 'x' takes FP32"),
        ("preprocess: {x: [decode_image, to_tensor]}",
         "preprocess.x: input 'x': its ops give FP32 [3, -1, -1], but the model's input 'x' takes FP32"),
        ("preprocess: {x: [decode_image, {resize: 200}, to_tensor]}",
         "preprocess.x: input 'x': its ops give FP32 [3, 200, 200], but the model's input 'x' takes FP32"),
        ("preprocess: {a: [decode_image], b: [decode_image]}",
         "preprocess.a: input 'a': its ops give UINT8 [-1, -1, 3], but the model's input 'x' takes FP32"),
        ("preprocess: {a: {input: z, ops: [decode_image]}}",
         "preprocess.a: the model has no input 'z': expected 'x'"),
        ("preprocess: {x: [to_tensor]}",
         "preprocess.x: its first op is to_tensor: expected the datatype and shape of what clients send"),
        ("preprocess: {x: [{resiz: 224}]}", "preprocess.x: its first op is resiz: expected the datatype"),
        ("preprocess: {x: [decode_image, {resiz: 224}]}", "preprocess.x: there is no op 'resiz': expected one of "),
        ("preprocess: {x: [decode_image, {resize: {sice: 224}}]}", "preprocess.x: resize: "),
        ("postprocess: {y: [softmax, {top_k: {k: 3, labels: [cat, dog]}}]}",
         "postprocess.y: output 'y': op 2 (top_k): expected as many scores as labels, 2, got FP32 [3, 224, 224]"),
        ("postprocess: {y: [{top_k: 1}, softmax]}",
         "postprocess.y: output 'y': op 1 (top_k): it gives texts, and no op can follow it"),
        ("postprocess: {z: [softmax]}", "postprocess.z: the model has no output 'z': expected 'y'"),
        ("labels: {y: no-such-file.txt}", "labels.y: 'labels': cannot read the file 'no-such-file.txt' in "),
        ("preset: yolo", "postprocess.y: output 'y': op 1 (nms): expected boxes and scores"),
    ],
)  # fmt: skip
def test_a_wrong_chain_fails_the_load_and_says_where(chains: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError) as refused:
        processing(chains, tmp_path)
    assert sentence in refused.value.message


@pytest.mark.parametrize(
    ("chains", "sentence"),
    [
        ("preprocess: {x: [{resize: 224, crop: 3}]}", "expected the name of an op, or one name and its options"),
        ("preprocess: {x: [{resize: {size: {a: 1}}}]}", "resize: size: expected a value or a list of values"),
        ("preprocess: {x: []}", "preprocess.x.ops"),
        ("preprocess: {x: {opps: [layout]}}", "preprocess.x.opps: unknown key"),
        ("preset: resnet", "preset"),
    ],
)
def test_what_is_no_chain_at_all_is_a_wrong_model_yaml(chains: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_model_config(chains.encode(), tmp_path / "model.yaml")
    assert sentence in refused.value.message


def test_a_model_whose_chain_is_wrong_is_unavailable_with_the_reason(
    repository: RepositoryBuilder, start_server: StartServer
) -> None:
    repository.identity("wrong", preprocess={"IN": ["decode_image"]})
    server = start_server(repository.root)
    with Client(server.address) as client:
        (version,) = client.status("wrong")[0].versions
    assert "preprocess.IN: input 'IN': its ops give UINT8 [-1, -1, 3]" in version.reason
    assert "the model's input 'IN' takes FP32 [-1]" in version.reason


def as_torchvision(image: Image.Image, resample: Image.Resampling) -> Array:
    """torchvision's Resize(256), CenterCrop(224), ToTensor and Normalize, by Pillow and NumPy."""
    width, height = image.size
    size = (256, int(256 * height / width)) if width <= height else (int(256 * width / height), 256)
    image = image.convert("RGB").resize(size, resample)
    left, top = round((size[0] - 224) / 2.0), round((size[1] - 224) / 2.0)
    pixels = np.asarray(image.crop((left, top, left + 224, top + 224)), np.float32) / np.float32(255)
    mean, std = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)
    return ((pixels - mean) / std).transpose(2, 0, 1)


@pytest.mark.parametrize("filter_name", ["bilinear", "bicubic"])
def test_the_imagenet_preset_is_torchvisions_arithmetic(
    filter_name: str, repository: RepositoryBuilder, start_server: StartServer
) -> None:
    picture = [{"name": "pixels", "datatype": "FP32", "shape": [3, 224, 224]}]
    repository.identity("net", inputs=picture, preset={"name": "imagenet", "filter": filter_name})
    server = start_server(repository.root)
    with Client(server.address) as client:
        for seed, size in enumerate([(500, 375), (300, 640), (224, 224), (80, 90)]):
            image = picture_of("imagenet", size, seed)
            answer = client.predict("net", {"image": np.array([encoded(image, "PNG")], dtype=object)})
            expected = as_torchvision(image, getattr(Image.Resampling, filter_name.upper()))
            np.testing.assert_allclose(answer.outputs["OUTPUT0"][0], expected, atol=1e-5)


def test_the_yolo_preset_tells_boxes_in_the_callers_picture(tmp_path: Path, start_server: StartServer) -> None:
    head = np.zeros((4 + 2, 12), np.float32)
    head[:4, 0], head[4, 0] = [32, 32, 16, 8], 0.9  # centre and size, the first class
    head[:4, 1], head[4, 1] = [33, 32, 16, 8], 0.8  # overlaps the one before
    head[:4, 2], head[5, 2] = [33, 32, 16, 8], 0.7  # overlaps too, but is of the second class
    write_detector(tmp_path / "models" / "finder" / "1" / "model.onnx", head)
    (tmp_path / "models" / "finder" / "model.yaml").write_text(yaml.safe_dump({"preset": "yolo"}))
    server = start_server(tmp_path / "models")
    # 128 × 64 becomes 64 × 32, with 16 gray rows above and below it.
    file = encoded(picture_of("boxes", (128, 64)))
    with Client(server.address) as client:
        (boxes,) = client.predict("finder", {"image": np.array(file, dtype=object)}).outputs.values()
        assert client.metadata("finder").postprocessing[0].ops == ["nms"]
    found = boxes.reshape(-1, 6)
    assert (found[:, 5] >= 0).sum() == 2
    np.testing.assert_allclose(found[0], [48, 24, 80, 40, 0.9, 0], atol=1e-4)
    np.testing.assert_allclose(found[1], [50, 24, 82, 40, 0.7, 1], atol=1e-4)


def test_files_that_ops_name_lie_beside_the_version_or_beside_model_yaml(
    repository: RepositoryBuilder, start_server: StartServer
) -> None:
    scores = [{"name": "scores", "datatype": "FP32", "shape": [3]}]
    chain = {"OUTPUT0": ["softmax", {"top_k": {"k": 2, "labels": "labels.txt"}}]}
    folder = repository.identity(
        "pets", inputs=scores, versions=(1, 2), postprocess=chain, version_policy={"all": True}
    )
    (folder / "labels.txt").write_text("cat\ndog\ncow\n")
    (folder / "2" / "labels.txt").write_text("Katze\nHund\nKuh\n")
    server = start_server(repository.root)
    scores_sent = np.array([[0, 2, 1]], np.float32)
    with Client(server.address) as client:
        told = [
            client.predict("pets", {"scores": scores_sent}, version=version).outputs["OUTPUT0"] for version in (1, 2)
        ]
    assert [text.decode().split(":", 1)[1] for text in told[0].ravel()] == ["1:dog", "2:cow"]
    assert [text.decode().split(":", 1)[1] for text in told[1].ravel()] == ["1:Hund", "2:Kuh"]


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        (b"", "decode_image: "),
        (b"GIF89a" + bytes(40), "decode_image: "),
        (encoded(picture_of("cut", (200, 100)))[:500], "decode_image: "),
    ],
    ids=["empty", "of another format", "truncated"],
)
def test_a_bad_picture_is_the_callers_fault(
    sent: bytes, sentence: str, repository: RepositoryBuilder, start_server: StartServer
) -> None:
    picture = [{"name": "pixels", "datatype": "UINT8", "shape": [-1, -1, 3]}]
    repository.identity("net", inputs=picture, preprocess={"image": ["decode_image"]})
    server = start_server(repository.root)
    with Client(server.address) as client:
        with pytest.raises(RequestFailedError) as refused:
            client.predict("net", {"image": np.array([sent], dtype=object)})
        assert refused.value.code.name == "INVALID_ARGUMENT"
        assert f"model 'net': input 'image': {sentence}" in refused.value.message
        counts = client.metadata("net").counts
    assert (counts.requests, counts.errors) == (1, 1)


def test_a_model_yaml_without_chains_processes_nothing(tmp_path: Path) -> None:
    assert make_processing(ModelConfig(), IDENTITY, [tmp_path], LoadContext(threads=1)) is None
