"""Sends held-out digits to a running server and shows each picture beside what the model reads in it.

`./dev demo` starts the server and runs this. Against your own server:
    pyserver serve examples/digits/repository
    python examples/digits/demo.py --address 127.0.0.1:8001
"""

from __future__ import annotations

import argparse
import sys
import time

import grpc
import numpy as np
from digits import PIXEL_MAX, held_out

from pyserver.v1 import predict_pb2, predict_pb2_grpc, tensor_pb2

SHADES = " .:-=+*#%@"
PICTURES = 8
# The server's default max_batch_size.
BATCH = 32
# The training script reports 98.4 %; anything far below means that the answers are not the model's.
LEAST_ACCURACY = 0.95


def request_for(images: np.ndarray) -> predict_pb2.PredictRequest:
    """One request for a batch of images, FP32 [batch, 64]."""
    image = tensor_pb2.Tensor(datatype=tensor_pb2.DATATYPE_FP32, shape=images.shape, raw=images.tobytes())
    return predict_pb2.PredictRequest(model="digits", inputs={"image": image})


def labels_of(response: predict_pb2.PredictResponse) -> np.ndarray:
    """The digit that the model reads in each image, INT64 [batch]."""
    return np.frombuffer(response.outputs["label"].raw, np.int64)


def probabilities_of(response: predict_pb2.PredictResponse) -> np.ndarray:
    """How likely each digit is for each image, FP32 [batch, 10]."""
    return np.frombuffer(response.outputs["probabilities"].raw, np.float32).reshape(-1, 10)


def drawing(image: np.ndarray) -> list[str]:
    """The 8 lines of a picture, two characters a pixel."""
    levels = (image.reshape(8, 8) / PIXEL_MAX * (len(SHADES) - 1)).round().astype(int)
    return ["".join(SHADES[level] * 2 for level in row) for row in levels]


def show(stub: predict_pb2_grpc.PredictServiceStub, images: np.ndarray, truth: np.ndarray) -> None:
    """Sends a few images, one a request, and prints them four in a row with prediction and truth."""
    for first in range(0, PICTURES, 4):
        columns = []
        for index in range(first, first + 4):
            response = stub.Predict(request_for(images[index : index + 1]), timeout=10)
            label = labels_of(response)[0]
            certainty = probabilities_of(response)[0, label]
            caption = f"read {label} ({certainty:.0%}), is {truth[index]}"
            columns.append([*drawing(images[index]), caption.ljust(16)])
        for lines in zip(*columns, strict=True):
            print("   ".join(line.ljust(20) for line in lines).rstrip())
        print()


def measure(
    stub: predict_pb2_grpc.PredictServiceStub, images: np.ndarray, truth: np.ndarray
) -> tuple[float, np.ndarray]:
    """The share of right answers and the sorted latencies in ms, one request an image, one after another."""
    right = 0
    latencies = []
    for image, digit in zip(images, truth, strict=True):
        request = request_for(image[np.newaxis])
        began = time.perf_counter()
        response = stub.Predict(request, timeout=10)
        latencies.append((time.perf_counter() - began) * 1e3)
        right += int(labels_of(response)[0] == digit)
    return right / len(truth), np.sort(latencies)


def main() -> int:
    """The command line of this file: 0 where the answers are plausible."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--address", default="127.0.0.1:8001")
    address = parser.parse_args().address

    images, truth = held_out()
    with grpc.insecure_channel(address) as channel:
        stub = predict_pb2_grpc.PredictServiceStub(channel)
        show(stub, images, truth)
        accuracy, latencies = measure(stub, images, truth)
        batches = [images[first : first + BATCH] for first in range(0, len(images), BATCH)]
        together = np.concatenate([labels_of(stub.Predict(request_for(batch), timeout=10)) for batch in batches])

    print(f"{len(truth)} held-out images, one a request: {accuracy:.1%} read correctly")
    print(f"latency: p50 {np.percentile(latencies, 50):.2f} ms, p99 {np.percentile(latencies, 99):.2f} ms")
    print(f"{BATCH} a request: {(together == truth).mean():.1%} read correctly")
    if min(accuracy, (together == truth).mean()) < LEAST_ACCURACY:
        print(f"That is implausible: at least {LEAST_ACCURACY:.0%} was expected.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
