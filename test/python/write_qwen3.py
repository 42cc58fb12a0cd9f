"""{"folder", "config", "seed", "dtype", "tokens"} -> as logits.py: a random Qwen3 that transformers writes into the folder, and then runs."""

import json
import sys

import torch
from logits import run_folder
from transformers import Qwen3Config, Qwen3ForCausalLM

request = json.load(sys.stdin)
torch.manual_seed(request["seed"])
model = Qwen3ForCausalLM(Qwen3Config(**request["config"]))
with torch.no_grad():
    for parameter in model.parameters():
        # Not the initial values: those leave norms at 1 and matrices so small that a mistake could hide.
        if parameter.ndim == 1:
            parameter.normal_(1.0, 0.2)
        else:
            parameter.normal_(0.0, 1.5 * parameter.shape[1] ** -0.5)
model.to(getattr(torch, request["dtype"])).save_pretrained(request["folder"])
json.dump(run_folder(request["folder"], request["tokens"]), sys.stdout)
