"""{"folder", "tokens": [[id]]} -> logits after each token and what the configuration was taken for: a folder run by transformers."""

import json
import sys

import torch
from transformers import AutoModelForCausalLM


def run_folder(folder, tokens):
    """One forward pass of each sequence, in float32 with plain attention: {"logits": [[[float]]], ...}."""
    torch.set_num_threads(1)
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", local_files_only=True
    )
    with torch.no_grad():
        logits = [model(torch.tensor([ids])).logits[0].tolist() for ids in tokens]
    config = model.config.to_dict()
    return {
        "logits": logits,
        "className": type(model).__name__,
        "ropeTheta": config["rope_parameters"]["rope_theta"],
        "rmsEpsilon": config["rms_norm_eps"],
        "isTied": model.lm_head.weight.data_ptr() == model.model.embed_tokens.weight.data_ptr(),
        "endOfTurn": model.generation_config.eos_token_id,
    }


if __name__ == "__main__":
    request = json.load(sys.stdin)
    json.dump(run_folder(request["folder"], request["tokens"]), sys.stdout)
