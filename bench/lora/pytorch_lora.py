"""LoRA with PyTorch + PEFT on the CPU, for `npm run bench:lora`: {settings} on stdin -> one JSON line with seconds, CPU seconds and peak memory.

A Qwen3-shaped model with random weights, eager mode with scaled_dot_product_attention, gradients accumulated over micro-batches of
`microRows` rows, fused AdamW on the adapter: what a careful user would write.
"""

import json
import resource
import sys
import time

import torch
from peft import LoraConfig, get_peft_model
from transformers import Qwen3Config, Qwen3ForCausalLM


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main():
    c = json.load(sys.stdin)
    torch.manual_seed(0)
    torch.set_num_threads(1)
    config = Qwen3Config(
        vocab_size=c["vocabularySize"],
        hidden_size=c["hiddenSize"],
        intermediate_size=c["intermediateSize"],
        num_hidden_layers=c["layers"],
        num_attention_heads=c["heads"],
        num_key_value_heads=c["keyValueHeads"],
        head_dim=c["headSize"],
        max_position_embeddings=c["maxPositions"],
        tie_word_embeddings=True,
    )
    torch.set_default_dtype(torch.bfloat16 if c["type"] == "bfloat16" else torch.float32)
    model = Qwen3ForCausalLM(config)
    lora = LoraConfig(r=c["rank"], lora_alpha=c["alpha"], target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(model, lora)
    model.train()
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=1e-4, betas=(0.9, 0.98), weight_decay=0.0, fused=True)
    ids = torch.randint(c["vocabularySize"], (c["rows"], c["rowLength"]))

    def step():
        total = 0.0
        for start in range(0, c["rows"], c["microRows"]):
            part = ids[start : start + c["microRows"]]
            loss = model(input_ids=part, labels=part).loss * (len(part) / c["rows"])
            loss.backward()
            total += loss.item()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        return total

    step()
    wall, cpu = time.perf_counter(), cpu_seconds()
    for _ in range(c["steps"]):
        loss = step()
    result = {
        "seconds": time.perf_counter() - wall,
        "cpuSeconds": cpu_seconds() - cpu,
        "peakBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "trained": sum(p.numel() for p in parameters),
        "loss": loss,
        "version": torch.__version__,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
