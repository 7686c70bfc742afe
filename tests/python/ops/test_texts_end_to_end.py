"""Given texts, the server answers what Hugging Face's tokenizer and ONNX Runtime answer together."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import yaml
from minilm import package_folder
from real_models import minilm
from server_process import ServerProcess
from tokenizers import Tokenizer

from pyserver.client import Client, RequestFailedError

Array = np.ndarray[Any, Any]
TEXTS = [
    "A server answers.",
    "",
    "Ein längerer Satz, der über die anderen hinausgeht, damit die Zeilen verschieden lang sind.",
    "日本語 and emoji 🙂",
    "word " * 300,
]


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return minilm(tmp_path_factory.mktemp("minilm"))


@pytest.fixture(scope="module")
def client(graph: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder = tmp_path_factory.mktemp("texts")
    version = folder / "models" / "embed" / "1"
    version.mkdir(parents=True)
    shutil.copy(graph, version / "model.onnx")
    shutil.copy(package_folder() / "tokenizer.json", version)
    config = {"preset": "sentence_embedding", "batching": {"max_queue_delay_us": 2000}}
    (version.parent / "model.yaml").write_text(yaml.safe_dump(config))
    server = ServerProcess([str(folder / "models")], folder / "log")
    with Client(server.address) as made:
        yield made
    server.kill()


@pytest.fixture(scope="module")
def expected(graph: Path) -> dict[str, Array]:
    """What each text becomes, alone."""
    tokenizer = Tokenizer.from_file(str(package_folder() / "tokenizer.json"))
    tokenizer.no_padding()
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    answers = {}
    for text in TEXTS:
        encoding = tokenizer.encode(text)
        inputs = {
            "input_ids": np.array([encoding.ids]),
            "attention_mask": np.array([encoding.attention_mask]),
            "token_type_ids": np.array([encoding.type_ids]),
        }
        (answers[text],) = session.run(["sentence_embedding"], inputs)[0]
    return answers


def embed(client: Client, *texts: str) -> Array:
    array = np.array([text.encode() for text in texts], dtype=object)
    return client.predict("embed", {"text": array}, outputs=["sentence_embedding"]).outputs["sentence_embedding"]


def test_a_text_is_embedded_as_by_hugging_face_and_onnx_runtime(client: Client, expected: dict[str, Array]) -> None:
    for text in TEXTS:
        np.testing.assert_allclose(embed(client, text)[0], expected[text], atol=1e-4)


def test_texts_of_different_lengths_share_a_request(client: Client, expected: dict[str, Array]) -> None:
    for answer, text in zip(embed(client, *TEXTS), TEXTS, strict=True):
        np.testing.assert_allclose(answer, expected[text], atol=1e-4)


def test_texts_of_different_lengths_share_a_batch(client: Client, expected: dict[str, Array]) -> None:
    before = client.metadata("embed").counts
    with ThreadPoolExecutor(10) as threads:
        jobs = [(text, threads.submit(embed, client, text)) for _ in range(4) for text in TEXTS]
    for text, job in jobs:
        np.testing.assert_allclose(job.result()[0], expected[text], atol=1e-4)
    after = client.metadata("embed").counts
    assert after.batches - before.batches < len(jobs)


def test_a_text_that_is_no_utf_8_is_its_callers_fault(client: Client) -> None:
    with pytest.raises(RequestFailedError) as refused:
        client.predict("embed", {"text": np.array([b"good", b"bad \xff"], dtype=object)})
    assert refused.value.code.name == "INVALID_ARGUMENT"
    assert "model 'embed': input 'text': row 1: expected a text in UTF-8, got 'bad \\xff'" in refused.value.message


def test_both_faces_are_told(client: Client) -> None:
    status = client.metadata("embed")
    assert [(spec.name, spec.datatype) for spec in status.inputs] == [("text", 13)]
    assert sorted(spec.name for spec in status.model_inputs) == ["attention_mask", "input_ids", "token_type_ids"]
    assert {chain.model_name for chain in status.preprocessing} == {"attention_mask", "input_ids", "token_type_ids"}
    assert all(list(chain.ops) == ["tokenize"] and chain.name == "text" for chain in status.preprocessing)
