"""Whether TensorRT for RTX runs on this GPU: found out, printed, and kept in build/gpu-tensorrt-rtx.json.

NVIDIA makes it for the GPUs of workstations; that a data-centre GPU takes it is not promised anywhere.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from machine import Machine

RESULT = Path("build/gpu-tensorrt-rtx.json")

# In a process of its own: a library that does not fit the GPU may end it.
PROBE = """
import ctypes, json, sys
import tensorrt_rtx as trt
import torch

logger = trt.Logger(trt.Logger.WARNING)
builder = trt.Builder(logger)
network = builder.create_network(0)
x = network.add_input("x", trt.float32, (2, 3))
network.mark_output(network.add_activation(x, trt.ActivationType.RELU).get_output(0))
plan = builder.build_serialized_network(network, builder.create_builder_config())
if plan is None:
    sys.exit("the builder gives no engine")
engine = trt.Runtime(logger).deserialize_cuda_engine(plan)
if engine is None:
    sys.exit("the runtime does not take the engine")
context = engine.create_execution_context()
given = torch.tensor([[-1.0, 2.0, -3.0], [4.0, -5.0, 6.0]], device="cuda")
got = torch.zeros_like(given)
names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
for name in names:
    tensor = given if engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT else got
    context.set_tensor_address(name, tensor.data_ptr())
stream = torch.cuda.Stream()
if not context.execute_async_v3(stream.cuda_stream):
    sys.exit("the engine does not execute")
stream.synchronize()
if not torch.equal(got, given.relu()):
    sys.exit(f"the answer is wrong: {got.tolist()}")
print(json.dumps({"version": trt.__version__}))
"""


def test_whether_tensorrt_rtx_runs_here_is_established(real_gpu: Machine) -> None:
    pytest.importorskip("tensorrt_rtx", reason="the package tensorrt-rtx is not here")
    ended = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, timeout=300)
    result: dict[str, object] = {"gpu": real_gpu.gpu.name, "runs": ended.returncode == 0}
    if ended.returncode == 0:
        result |= json.loads(ended.stdout.splitlines()[-1])
    else:
        result["reason"] = ended.stderr.strip().splitlines()[-5:]
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(f"tensorrt_rtx on {real_gpu.gpu.name}: {result}")
    # A clean no is an answer; only an end without a word is none.
    assert result["runs"] or result["reason"], ended
