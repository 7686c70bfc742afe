"""A stand-in for TensorRT's Python interface, over the test double of the CUDA driver (../../fake_cuda).

It has the part of the interface that pyserver/engines/tensorrt uses, with the real names, signatures, failures and log
texts (tests/tensorrt/test_stand_in.py compares it with the real package). A plan is a JSON text: see plans.py. What it
"executes" are the double's kernels, each of which tells the double what memory it reads and writes.

The folders beside this one are the flavours. The environment says what they pretend:
    FAKE_TENSORRT_VERSION   the version of the library, and of plans that it builds
    FAKE_TENSORRT_MISSING   flavours that are not installed, as "tensorrt,tensorrt_lean"
    FAKE_TENSORRT_BROKEN    likewise, and what a missing library of theirs looks like
"""
