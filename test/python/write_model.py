"""{"folder", "modelType", "config", "seed", "dtype", "shardBytes", "tokens"} -> as logits.py: a random model that transformers writes, and then runs."""

import json
import sys

import torch
from logits import run_folder
from transformers import AutoConfig, AutoModelForCausalLM

request = json.load(sys.stdin)
torch.manual_seed(request["seed"])
model = AutoModelForCausalLM.from_config(AutoConfig.for_model(request["modelType"], **request["config"]))
with torch.no_grad():
    for name, parameter in model.named_parameters():
        # Not the initial values: those leave norms at 1, biases at 0, and matrices so small that a mistake could hide.
        if parameter.ndim == 1:
            parameter.normal_(0.0 if name.endswith(".bias") else 1.0, 0.2)
        else:
            parameter.normal_(0.0, 1.5 * parameter.shape[1] ** -0.5)
model.to(getattr(torch, request["dtype"])).save_pretrained(
    request["folder"], max_shard_size=request.get("shardBytes", "5GB")
)
json.dump(run_folder(request["folder"], request["tokens"]), sys.stdout)
