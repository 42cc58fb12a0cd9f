/**
 * Python for the tests that compare our exports with transformers: a virtual environment made once for each state of
 * requirements.txt, and scripts that take one JSON document on stdin and print one on stdout.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

const REPOSITORY = join(import.meta.dirname, "..", "..");
const ENVIRONMENT = join(REPOSITORY, ".cache", "python-venv");
const REQUIREMENTS = join(import.meta.dirname, "requirements.txt");
/** Written last: an environment without it is not whole. */
const STAMP = join(ENVIRONMENT, "requirements.sha256");
const PYTHON = join(
  ENVIRONMENT,
  ...(process.platform === "win32" ? ["Scripts", "python.exe"] : ["bin", "python"]),
);

/** Time enough to download and install everything once. */
export const ENVIRONMENT_TIMEOUT_MS = 20 * 60_000;

/**
 * Makes the environment when it is not there yet. `SPLITREASON_PYTHON` names the interpreter to start from, `python3` is the default.
 * Rejects, with what Python or pip said, when it cannot be made: these tests are never skipped.
 */
export async function preparePython(): Promise<void> {
  const wanted = createHash("sha256")
    .update(await readFile(REQUIREMENTS))
    .digest("hex");
  const found = await readFile(STAMP, "utf8").catch(() => "");
  if (found === wanted) return;
  const interpreter = process.env["SPLITREASON_PYTHON"] ?? "python3";
  await rm(ENVIRONMENT, { recursive: true, force: true });
  try {
    await run(interpreter, ["-m", "venv", ENVIRONMENT]);
    await run(PYTHON, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", REQUIREMENTS]);
  } catch (error) {
    throw new Error(
      `The export tests need Python 3.11 or newer with venv, and the packages of test/python/requirements.txt; ` +
        `"${interpreter}" could not set them up. Install Python, or set SPLITREASON_PYTHON.`,
      { cause: error },
    );
  }
  await writeFile(STAMP, wanted);
}

/** Runs `test/python/SCRIPT` on `input`. Offline and on one thread. */
export async function runPython(script: string, input: unknown): Promise<unknown> {
  const output = await run(PYTHON, [join(import.meta.dirname, script)], JSON.stringify(input));
  return JSON.parse(output);
}

function run(command: string, commandArguments: readonly string[], input = ""): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, commandArguments, {
      env: {
        ...process.env,
        HF_HUB_OFFLINE: "1",
        OMP_NUM_THREADS: "1",
        PYTHONDONTWRITEBYTECODE: "1",
        PYTHONUTF8: "1",
        TOKENIZERS_PARALLELISM: "false",
      },
      stdio: ["pipe", "pipe", "pipe"],
    });
    const output: Buffer[] = [];
    const errors: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => errors.push(chunk));
    child.on("error", reject);
    child.on("close", (status) => {
      if (status === 0) resolve(Buffer.concat(output).toString("utf8"));
      else
        reject(
          new Error(`${command} ${commandArguments.join(" ")}\n${Buffer.concat(errors).toString("utf8")}`),
        );
    });
    child.stdin.end(input);
  });
}
