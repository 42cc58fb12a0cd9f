"""Trains the same Qwen3-shaped model with PyTorch on the CPU, for `npm run bench:train`.

Reads one JSON document of settings on the first line of stdin and then one number of steps a line; answers each with one
JSON line {"seconds", "loss"}. Eager mode, scaled_dot_product_attention with is_causal (one document a row, so that no mask
has to be built), fused AdamW, gradients clipped: what a careful user would write.
"""

import json
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        d, s = c["hiddenSize"], c["headSize"]
        self.heads, self.kv_heads, self.size = c["heads"], c["keyValueHeads"], s
        self.q_proj = nn.Linear(d, self.heads * s, bias=False)
        self.k_proj = nn.Linear(d, self.kv_heads * s, bias=False)
        self.v_proj = nn.Linear(d, self.kv_heads * s, bias=False)
        self.o_proj = nn.Linear(self.heads * s, d, bias=False)
        self.q_norm = nn.RMSNorm(s, eps=c["rmsEpsilon"])
        self.k_norm = nn.RMSNorm(s, eps=c["rmsEpsilon"])

    def forward(self, x, cos, sin):
        b, t, _ = x.shape

        def rotate(v):
            first, second = v.chunk(2, dim=-1)
            return v * cos + torch.cat((-second, first), dim=-1) * sin

        q = rotate(self.q_norm(self.q_proj(x).view(b, t, self.heads, self.size)).transpose(1, 2))
        k = rotate(self.k_norm(self.k_proj(x).view(b, t, self.kv_heads, self.size)).transpose(1, 2))
        v = self.v_proj(x).view(b, t, self.kv_heads, self.size).transpose(1, 2)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=self.heads != self.kv_heads)
        return self.o_proj(y.transpose(1, 2).reshape(b, t, -1))


class Layer(nn.Module):
    def __init__(self, c):
        super().__init__()
        d, f = c["hiddenSize"], c["intermediateSize"]
        self.input_norm = nn.RMSNorm(d, eps=c["rmsEpsilon"])
        self.attention = Attention(c)
        self.mlp_norm = nn.RMSNorm(d, eps=c["rmsEpsilon"])
        self.gate_proj = nn.Linear(d, f, bias=False)
        self.up_proj = nn.Linear(d, f, bias=False)
        self.down_proj = nn.Linear(f, d, bias=False)

    def forward(self, x, cos, sin):
        x = x + self.attention(self.input_norm(x), cos, sin)
        h = self.mlp_norm(x)
        return x + self.down_proj(F.silu(self.gate_proj(h)) * self.up_proj(h))


class Model(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.embedding = nn.Embedding(c["vocabularySize"], c["hiddenSize"])
        self.layers = nn.ModuleList(Layer(c) for _ in range(c["layers"]))
        self.norm = nn.RMSNorm(c["hiddenSize"], eps=c["rmsEpsilon"])
        half = c["headSize"] // 2
        angles = torch.arange(c["rowLength"])[:, None] / c["ropeTheta"] ** (torch.arange(half) / half)
        self.register_buffer("cos", torch.cat((angles.cos(), angles.cos()), dim=-1))
        self.register_buffer("sin", torch.cat((angles.sin(), angles.sin()), dim=-1))
        for parameter in self.parameters():
            if parameter.dim() == 2:
                nn.init.normal_(parameter, std=0.5 * parameter.shape[1] ** -0.5)

    def forward(self, tokens):
        x = self.embedding(tokens)
        for layer in self.layers:
            x = layer(x, self.cos, self.sin)
        return F.linear(self.norm(x), self.embedding.weight)


def main():
    c = json.loads(sys.stdin.readline())
    torch.manual_seed(0)
    torch.set_num_threads(c["threads"])
    model = Model(c)
    matrices = [p for p in model.parameters() if p.dim() > 1]
    vectors = [p for p in model.parameters() if p.dim() == 1]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.95), eps=1e-8, fused=True)
    tokens = torch.randint(c["vocabularySize"], (c["rows"], c["rowLength"] + 1))
    inputs, targets = tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()
    count = inputs.numel()

    def step():
        total = 0.0
        for start in range(0, c["rows"], c["microRows"]):
            chunk = slice(start, start + c["microRows"])
            logits = model(inputs[chunk])
            loss = F.cross_entropy(logits.flatten(0, 1), targets[chunk].flatten(), reduction="sum") / count
            loss.backward()
            total += loss.item()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return total

    print(json.dumps({"torch": torch.__version__, "parameters": sum(p.numel() for p in model.parameters())}), flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        for _ in range(int(line)):
            loss = step()
        print(json.dumps({"seconds": time.perf_counter() - start, "loss": loss}), flush=True)


main()
