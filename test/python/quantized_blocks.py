"""
Makes src/formats/gguf/quantization/blocks.golden.json: blocks of each tensor type with the values that the `gguf` package (llama.cpp's own Python code)
reads from them, and values with the blocks that it writes. `pip install gguf==0.19.0 numpy`, then `python3 test/python/quantized_blocks.py > FILE`.
"""

import json

import numpy as np
from gguf import quants
from gguf.constants import GGMLQuantizationType as Type

rng = np.random.default_rng(1)

# Type: bytes of a block, and the places in it of half-precision scales, which must be finite.
READ = {
    "F16": (2, [0]),
    "BF16": (2, []),
    "Q4_0": (18, [0]),
    "Q4_1": (20, [0, 2]),
    "Q5_0": (22, [0]),
    "Q5_1": (24, [0, 2]),
    "Q8_0": (34, [0]),
    "Q4_K": (144, [0, 2]),
    "Q5_K": (176, [0, 2]),
    "Q6_K": (210, [208]),
}
WRITTEN = ["F32", "F16", "Q4_0", "Q8_0"]


def blocks(size: int, halves: list[int]) -> np.ndarray:
    count = 32 if size == 2 else 3
    raw = rng.integers(0, 256, size=(count, size), dtype=np.uint8)
    for place in halves:
        raw[:, place : place + 2] = rng.normal(size=count).astype(np.float16).view(np.uint8).reshape(-1, 2)
    if size == 2 and not halves:
        raw[:] = (rng.normal(size=count).astype(np.float32).view(np.uint32) >> 16).astype(np.uint16).view(np.uint8).reshape(-1, 2)
    return raw


def read(name: str) -> dict[str, str]:
    raw = blocks(*READ[name])
    values = quants.dequantize(raw.reshape(1, -1), Type[name]).astype(np.float32)
    return {"bytes": raw.tobytes().hex(), "values": values.tobytes().hex()}


# Ordinary values, zeros, values below the smallest normal half, ties, and large ones.
values = np.concatenate(
    [rng.normal(size=64), np.zeros(32), rng.normal(size=32) * 1e-6, [0.5, -0.5] * 16, rng.normal(size=32) * 1e4]
).astype(np.float32)
written = {name: quants.quantize(values.reshape(1, -1), Type[name]).tobytes().hex() for name in WRITTEN}
print(json.dumps({"read": {name: read(name) for name in READ}, "written": {"values": values.tobytes().hex(), "bytes": written}}))
