"""The request that all servers get, the model that answers it, and a real client that checks the answer once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from pyserver.channel import open_channel
from pyserver.open_inference import open_inference_pb2 as oip
from pyserver.tensors import to_array, to_tensor
from pyserver.v1 import predict_pb2

MODEL_INFER = "/inference.GRPCInferenceService/ModelInfer"
PREDICT = "/pyserver.v1.PredictService/Predict"
METHODS = {"ModelInfer": MODEL_INFER, "Predict": PREDICT}
MODEL = "identity"
SMALL = 64
LARGE = 150_528  # 224 × 224 × 3: 600 KB


@dataclass(frozen=True)
class Message:
    """One FP32 tensor of the shape [1, elements] for one method, ready to be sent."""

    path: str
    elements: int
    values: np.ndarray
    body: bytes

    @property
    def framed(self) -> bytes:
        """With gRPC's prefix: not compressed, and the length."""
        return b"\0" + len(self.body).to_bytes(4, "big") + self.body


def make_message(method: str, elements: int, model: str = MODEL) -> Message:
    values = np.random.default_rng(elements).random((1, elements), np.float32)
    if method == "Predict":
        predict = predict_pb2.PredictRequest(model=model, inputs={"INPUT0": to_tensor(values)})
        return Message(PREDICT, elements, values, predict.SerializeToString())
    infer = oip.ModelInferRequest(model_name=model)
    infer.inputs.add(name="INPUT0", datatype="FP32", shape=values.shape)
    infer.raw_input_contents.append(values.tobytes())
    return Message(MODEL_INFER, elements, values, infer.SerializeToString())


def write_repository(root: Path, max_batch_size: int) -> Path:
    """A repository with the identity model. `max_batch_size` 0: it takes one request at a time."""
    write_model(root / "models", MODEL, max_batch_size)
    return root / "models"


def write_model(repository: Path, name: str, max_batch_size: int, **more: object) -> None:
    """An identity model; `more` stands in its model.yaml."""
    folder = repository / name
    (folder / "1").mkdir(parents=True)
    shape = [-1] if max_batch_size else [1, -1]
    told = {
        "engine": "identity",
        "max_batch_size": max_batch_size,
        "inputs": [{"name": "INPUT0", "datatype": "FP32", "shape": shape}],
        **more,
    }
    (folder / "model.yaml").write_text(yaml.safe_dump(told), encoding="utf-8")


def checked_answer(address: str, message: Message, echoes: bool) -> int:
    """Asks once with grpcio. Returns the bytes of the answer, prefix included; SystemExit where it is not right."""
    with open_channel(address) as channel:
        ask: Callable[..., bytes] = channel.unary_unary(message.path)
        answer = ask(message.body, timeout=30, wait_for_ready=True)
    if echoes:
        right = answer == message.body
    elif message.path == PREDICT:
        output = to_array(predict_pb2.PredictResponse.FromString(answer).outputs["OUTPUT0"])
        right = output.shape == message.values.shape and output.tobytes() == message.values.tobytes()
    else:
        infer = oip.ModelInferResponse.FromString(answer)
        shapes = [list(output.shape) for output in infer.outputs]
        right = shapes == [[1, message.elements]] and list(infer.raw_output_contents) == [message.values.tobytes()]
    if not right:
        raise SystemExit(f"the server at {address} answers {message.path} wrongly")
    return len(answer) + 5
