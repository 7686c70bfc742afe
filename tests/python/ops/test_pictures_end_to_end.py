"""Given an encoded picture, the server answers what the models' own Python pipelines answer: rapidocr's, unchanged."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cv2
import grpc
import numpy as np
import pytest
import yaml
from chains import read_texts
from ocr_models import encoded, package, picture_of, write_repository
from PIL import Image
from rapidocr_onnxruntime.ch_ppocr_cls import TextClassifier
from rapidocr_onnxruntime.ch_ppocr_det import TextDetector
from rapidocr_onnxruntime.ch_ppocr_rec import TextRecognizer
from server_process import ServerProcess

from pyserver.client import Client, RequestFailedError
from pyserver.open_inference import open_inference_pb2, open_inference_pb2_grpc

Array = np.ndarray[Any, Any]
SCORES = "save_infer_model/scale_0.tmp_1"  # the classifier's output


@pytest.fixture(scope="module")
def ocr_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("ocr")
    write_repository(folder / "models", classifier={"labels": {SCORES: ["0", "180"]}})
    server = ServerProcess([str(folder / "models")], folder / "log")
    yield server
    server.kill()


@pytest.fixture(scope="module")
def client(ocr_server: ServerProcess) -> Iterator[Client]:
    with Client(ocr_server.address) as made:
        yield made


def config(part: str, model: str) -> dict[str, Any]:
    settings: dict[str, Any] = yaml.safe_load((package() / "config.yaml").read_text())[part]
    return {**settings, "model_path": str(package() / "models" / model), "use_cuda": False, "use_dml": False}


def bgr(file: bytes) -> Array:
    return cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_COLOR)


def answer(client: Client, model: str, *files: bytes) -> Array:
    result = client.predict(model, {"image": np.array(files, dtype=object)})
    (output,) = result.outputs.values()
    return output


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_the_classifier_agrees_with_rapidocrs_own_pipeline(client: Client, form: str) -> None:
    pipeline = TextClassifier(config("Cls", "ch_ppocr_mobile_v2.0_cls_infer.onnx"))
    for seed, size in enumerate([(180, 60), (400, 50), (50, 40), (640, 48)]):
        image = picture_of("Invoice 2024", size, seed)
        for turned in (image, image.rotate(180)):
            file = encoded(turned, form)
            expected = pipeline.infer(pipeline.resize_norm_img(bgr(file))[np.newaxis])[0]
            np.testing.assert_allclose(answer(client, "classifier", file), expected, atol=1e-3)


def test_the_recogniser_reads_what_rapidocrs_own_pipeline_reads(client: Client) -> None:
    pipeline = TextRecognizer(config("Rec", "ch_PP-OCRv4_rec_infer.onnx"))
    texts = ["Hello 42", "pyserver", "A-17 x"]
    for seed, text in enumerate(texts):
        file = encoded(picture_of(text, (300, 64), seed))
        pixels = pipeline.resize_norm_img(bgr(file), 320 / 48)
        expected = pipeline.session(pixels[np.newaxis])[0]
        got = answer(client, "recogniser", file)
        np.testing.assert_allclose(got, expected, atol=1e-3)
        (read, score), *_ = pipeline.postprocess_op(got)
        assert read.strip() == text
        assert score > 0.8


def test_the_detector_finds_the_boxes_that_rapidocrs_own_pipeline_finds(client: Client) -> None:
    pipeline = TextDetector(config("Det", "ch_PP-OCRv4_det_infer.onnx"))
    for seed, size in enumerate([(500, 375), (320, 640)]):
        page = Image.fromarray(np.full((size[1], size[0], 3), 245, np.uint8))
        page.paste(picture_of("Total 17.50", (260, 50), seed), (30, 40))
        page.paste(picture_of("Thank you", (200, 40), seed), (60, 200))
        file = encoded(page)
        expected, _ = pipeline(bgr(file))
        heat = answer(client, "detector", file)
        boxes, _ = pipeline.postprocess_op(heat, (size[1], size[0]))
        np.testing.assert_allclose(pipeline.filter_tag_det_res(boxes, (size[1], size[0])), expected, atol=1)
        assert len(expected) == 2


def test_pictures_of_many_callers_share_batches_and_a_corrupt_one_harms_nobody(client: Client) -> None:
    good = [encoded(picture_of(f"line {index}", (200 + 20 * index, 60), index)) for index in range(6)]
    alone = [answer(client, "classifier", file) for file in good]
    corrupt = good[0][: len(good[0]) // 2]
    with ThreadPoolExecutor(16) as threads:
        jobs = [threads.submit(answer, client, "classifier", file) for _ in range(4) for file in [*good, corrupt]]
    for index, job in enumerate(jobs):
        if index % 7 == 6:
            error = job.exception()
            assert isinstance(error, RequestFailedError)
            assert error.code.name == "INVALID_ARGUMENT"
            assert "input 'image'" in error.message
            assert "decode_image" in error.message
        else:
            np.testing.assert_allclose(job.result(), alone[index % 7], atol=1e-5)


def test_an_output_may_be_asked_for_as_classes(client: Client, ocr_server: ServerProcess) -> None:
    files = [encoded(picture_of("upright", (300, 60))), encoded(picture_of("upright", (300, 60)).rotate(180))]
    request = open_inference_pb2.ModelInferRequest(model_name="classifier")
    contents = b"".join(len(file).to_bytes(4, "little") + file for file in files)
    request.inputs.add(name="image", datatype="BYTES", shape=[len(files)])
    request.raw_input_contents.append(contents)
    request.outputs.add(name=SCORES).parameters["classification"].int64_param = 2
    with grpc.insecure_channel(ocr_server.address) as channel:
        stub = open_inference_pb2_grpc.GRPCInferenceServiceStub(channel)
        response = stub.ModelInfer(request, timeout=30)
        metadata = stub.ModelMetadata(open_inference_pb2.ModelMetadataRequest(name="classifier"), timeout=30)
    (output,) = response.outputs
    assert (output.name, output.datatype, list(output.shape)) == (SCORES, "BYTES", [2, 2])
    texts = read_texts(response.raw_output_contents[0])
    scores = answer(client, "classifier", *files)
    for row, score in enumerate(scores):
        for place, index in enumerate(np.argsort(-score)):
            assert texts[2 * row + place].decode() == f"{score[index]:.6f}:{index}:{'180' if index else '0'}"
    assert metadata.properties["preprocess.image"].startswith("decode_image → resize")
    assert [(tensor.name, tensor.datatype, list(tensor.shape)) for tensor in metadata.inputs] == [
        ("image", "BYTES", [-1])
    ]


def test_both_faces_are_told(client: Client) -> None:
    status = client.metadata("classifier")
    assert [(spec.name, spec.datatype, list(spec.shape)) for spec in status.inputs] == [("image", 13, [])]
    assert [(spec.name, list(spec.shape)) for spec in status.model_inputs] == [("x", [3, -1, -1])]
    (chain,) = status.preprocessing
    assert (chain.name, chain.model_name) == ("image", "x")
    assert chain.ops == ["decode_image", "resize", "normalize", "pad", "layout"]


def test_the_time_of_preprocessing_is_in_the_ledger(client: Client) -> None:
    file = encoded(picture_of("ledger", (2000, 800)))
    result = client.predict("classifier", {"image": np.array([file], dtype=object)}, ledger=True)
    assert result.ledger is not None
    assert result.ledger["preprocess_us"] > 0


def test_rows_of_one_request_that_are_made_differently_are_refused(client: Client) -> None:
    files = [encoded(picture_of("wide", (800, 200))), encoded(picture_of("tall", (200, 800)))]
    with pytest.raises(RequestFailedError, match=r"row 1: it is made into .* but row 0 into") as refused:
        answer(client, "detector", *files)
    assert refused.value.code.name == "INVALID_ARGUMENT"
