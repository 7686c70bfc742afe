"""Asks a model on a GPU with an input that is on that GPU already: it never crosses PCIe.

    pip install pycuda "tritonclient[grpc]"
    pyserver serve models/ --allow-client-shm
    python examples/shared_memory/cuda.py MODEL INPUT 8,3,224,224 [ADDRESS]

The memory is pycuda's; any other library's does as well if its allocation has an IPC handle (`cudaMalloc`, not a
`cudaMallocAsync` pool).
"""

from __future__ import annotations

import base64
import sys

import numpy as np
import pycuda.autoinit
import pycuda.driver as cuda
import tritonclient.grpc as triton

model, name, dimensions, *address = sys.argv[1:]
array = np.random.default_rng(0).standard_normal([int(size) for size in dimensions.split(",")]).astype(np.float32)

memory = cuda.mem_alloc(array.nbytes)
cuda.memcpy_htod(memory, array)
pycuda.autoinit.context.synchronize()  # written before the server is told

client = triton.InferenceServerClient(address[0] if address else "127.0.0.1:8001")
handle = bytes(cuda.mem_get_ipc_handle(memory))
client.register_cuda_shared_memory("example", base64.b64encode(handle), 0, array.nbytes)  # on device 0
try:
    tensor = triton.InferInput(name, list(array.shape), "FP32")
    tensor.set_shared_memory("example", array.nbytes)
    result = client.infer(model, [tensor])
    for output in result.get_response().outputs:
        print(output.name, list(output.shape), result.as_numpy(output.name).ravel()[:8])
finally:
    client.unregister_cuda_shared_memory("example")  # before the memory goes
