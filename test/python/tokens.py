"""{"folder", "texts", "conversations"} -> token ids of every text, markers recognised (`control`, by three loaders) or not (`plain`),
what the ids decode to, and the conversations as the chat template renders them."""

import json
import os
import sys
import tempfile

from transformers import AutoTokenizer, PreTrainedTokenizerFast, Qwen2TokenizerFast

request = json.load(sys.stdin)
folder = request["folder"]
auto = AutoTokenizer.from_pretrained(folder, local_files_only=True)
loaders = {
    "auto": auto,
    "fast": PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True),
    "qwen": Qwen2TokenizerFast.from_pretrained(folder, local_files_only=True),
}


def encode(tokenizer):
    return [tokenizer(text, add_special_tokens=False)["input_ids"] for text in request["texts"]]


# transformers has no way to leave out added tokens that are not special, so they are taken out of the file.
with tempfile.TemporaryDirectory() as plain_folder:
    with open(os.path.join(folder, "tokenizer.json"), encoding="utf-8") as file:
        content = json.load(file)
    content["added_tokens"] = []
    plain_file = os.path.join(plain_folder, "tokenizer.json")
    with open(plain_file, "w", encoding="utf-8") as file:
        json.dump(content, file)
    plain = PreTrainedTokenizerFast(tokenizer_file=plain_file)

control = {name: encode(tokenizer) for name, tokenizer in loaders.items()}
json.dump(
    {
        "classes": {name: type(tokenizer).__name__ for name, tokenizer in loaders.items()},
        "control": control,
        "plain": encode(plain),
        "decoded": [auto.decode(ids) for ids in control["auto"]],
        "conversations": [
            auto.apply_chat_template(messages, tokenize=True, add_generation_prompt=True, return_dict=False)
            for messages in request["conversations"]
        ],
        "endOfTurn": auto.eos_token_id,
        "padding": auto.pad_token_id,
        "size": len(auto),
    },
    sys.stdout,
)
