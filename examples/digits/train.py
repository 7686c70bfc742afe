"""Trains the digits model and writes it as ONNX: `python examples/digits/train.py`.

The data are the 1,797 handwritten digits that come with scikit-learn (8 by 8 pixels of 0..16). Three quarters train a
network of one hidden layer; the last quarter is held out, by a fixed split that demo.py repeats. The ONNX graph is
written node by node, so that one can read here what a model file holds; ONNX Runtime then confirms that it computes
what scikit-learn computes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from digits import PIXEL_MAX, held_out, training
from onnx import TensorProto, helper, numpy_helper
from sklearn.neural_network import MLPClassifier

MODEL = Path(__file__).parent / "repository" / "digits" / "1" / "model.onnx"
HIDDEN_UNITS = 128


def to_onnx(classifier: MLPClassifier) -> onnx.ModelProto:
    """`image` FP32 [batch, 64] of 0..16 → `label` INT64 [batch], `probabilities` FP32 [batch, 10]."""
    weights = {
        "pixel_max": np.array(PIXEL_MAX, np.float32),
        "hidden_weights": classifier.coefs_[0].astype(np.float32),
        "hidden_bias": classifier.intercepts_[0].astype(np.float32),
        "output_weights": classifier.coefs_[1].astype(np.float32),
        "output_bias": classifier.intercepts_[1].astype(np.float32),
    }
    nodes = [
        helper.make_node("Div", ["image", "pixel_max"], ["scaled"]),
        helper.make_node("Gemm", ["scaled", "hidden_weights", "hidden_bias"], ["hidden"]),
        helper.make_node("Relu", ["hidden"], ["active"]),
        helper.make_node("Gemm", ["active", "output_weights", "output_bias"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        # The classes are the digits 0 to 9 in order, so the index of the largest is the digit itself.
        helper.make_node("ArgMax", ["probabilities"], ["label"], axis=1, keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 64])],
        [
            helper.make_tensor_value_info("label", TensorProto.INT64, ["batch"]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 10]),
        ],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], producer_name="pyserver")
    model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    return model


def verify(model: onnx.ModelProto, classifier: MLPClassifier, images: np.ndarray) -> np.ndarray:
    """The labels that ONNX Runtime gives for `images`; raises where it and scikit-learn do not agree."""
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    labels, probabilities = session.run(["label", "probabilities"], {"image": images})
    np.testing.assert_allclose(probabilities, classifier.predict_proba(images / PIXEL_MAX), atol=1e-5)
    return np.asarray(labels)


def main() -> None:
    """Trains, verifies, writes and says how good the model is."""
    images, truth = training()
    classifier = MLPClassifier((HIDDEN_UNITS,), alpha=1e-2, max_iter=400, random_state=0)
    classifier.fit(images / PIXEL_MAX, truth)
    model = to_onnx(classifier)

    unseen, unseen_truth = held_out()
    labels = verify(model, classifier, unseen)
    MODEL.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, MODEL)
    correct = int((labels == unseen_truth).sum())
    print(f"trained on {len(truth)} images, held out {len(unseen_truth)}")
    print(f"accuracy on the held-out images: {correct / len(unseen_truth):.2%} ({correct} of {len(unseen_truth)})")
    print(f"{MODEL}: {MODEL.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
