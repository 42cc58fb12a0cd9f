"""{"base", "adapter", "tokens": [[id]]} -> logits after each token of a base with a PEFT adapter, in float32 with plain attention."""

import json
import sys

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM


def run(base, adapter, tokens):
    torch.set_num_threads(1)
    model = AutoModelForCausalLM.from_pretrained(
        base, dtype=torch.float32, attn_implementation="eager", local_files_only=True
    )
    model = PeftModel.from_pretrained(model, adapter)
    model.eval()
    with torch.no_grad():
        return [model(torch.tensor([ids])).logits[0].tolist() for ids in tokens]


if __name__ == "__main__":
    request = json.load(sys.stdin)
    json.dump({"logits": run(request["base"], request["adapter"], request["tokens"])}, sys.stdout)
