"""The identity model for Triton's Python backend: OUTPUT0 is INPUT0."""

from __future__ import annotations

import triton_python_backend_utils as triton


class TritonPythonModel:
    """Each request of a batch is answered by itself: nothing is put together and cut apart again."""

    def execute(self, requests: list[triton.InferenceRequest]) -> list[triton.InferenceResponse]:
        return [_answer(triton.get_input_tensor_by_name(request, "INPUT0")) for request in requests]


def _answer(tensor: triton.Tensor) -> triton.InferenceResponse:
    return triton.InferenceResponse([triton.Tensor("OUTPUT0", tensor.as_numpy())])
