"""Asks the digits example by shared memory: the picture is never sent, and the scores never come back.

pyserver serve examples/digits/repository --allow-client-shm
python examples/shared_memory/system.py [ADDRESS]
"""

from __future__ import annotations

import sys

import numpy as np
import tritonclient.grpc as triton
from tritonclient.utils import shared_memory

KEY = "/pyserver-example"

image = np.zeros((1, 64), np.float32)
image.reshape(8, 8)[:, 3:5] = 16  # a stroke down the middle
label = np.dtype(np.int64)

client = triton.InferenceServerClient(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8001")
size = image.nbytes + label.itemsize
region = shared_memory.create_shared_memory_region("digits", KEY, size)
try:
    client.register_system_shared_memory("digits", KEY, size)
    shared_memory.set_shared_memory_region(region, [image])
    picture = triton.InferInput("image", [1, 64], "FP32")
    picture.set_shared_memory("digits", image.nbytes)
    answer = triton.InferRequestedOutput("label")
    answer.set_shared_memory("digits", label.itemsize, offset=image.nbytes)
    client.infer("digits", [picture], outputs=[answer])
    print(shared_memory.get_contents_as_numpy(region, label, [1], offset=image.nbytes))
finally:
    client.unregister_system_shared_memory("digits")
    shared_memory.destroy_shared_memory_region(region)
