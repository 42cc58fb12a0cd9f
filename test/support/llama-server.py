"""llama.cpp's own HTTP server, in this process. Reads one JSON line of settings, prints one with the URL, ends with its input."""

import json
import os
import sys

import xllamacpp

settings = json.loads(sys.stdin.readline())
params = xllamacpp.CommonParams()
params.model.path = settings["path"]
params.model_alias = {settings["name"]}
params.hostnames = ["127.0.0.1"]
params.port = 0
params.n_parallel = settings["slots"]
params.n_ctx = settings["slots"] * settings["contextSize"]
params.kv_unified = False
params.n_gpu_layers = 0
params.cpuparams.n_threads = 1
params.cpuparams_batch.n_threads = 1
params.special = settings["special"]
params.endpoint_metrics = True
params.ui = False
params.fit_params = False
# As exact as the embedded engine: the two must agree on which token is the likeliest.
params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
params.cache_type_k = xllamacpp.ggml_type.GGML_TYPE_F32
params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
server = xllamacpp.Server(params)
print(json.dumps({"url": server.listening_address}), flush=True)
sys.stdin.read()
os._exit(0)
