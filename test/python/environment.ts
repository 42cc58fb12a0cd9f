/**
 * Python for the tests that compare our exports with transformers: a virtual environment made once for each state of
 * requirements.txt, and scripts that take one JSON document on stdin and print one on stdout.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

import { ConfigError } from "../../src/core/errors.ts";
import { lockRun } from "../../src/core/run-lock.ts";

const REPOSITORY = join(import.meta.dirname, "..", "..");

/** Each set of packages has an environment of its own: `exports` is torch and transformers, `data` is what reads parquet. */
const SETS = {
  exports: { requirements: "requirements.txt", folder: "python-venv" },
  data: { requirements: "requirements-data.txt", folder: "python-venv-data" },
} as const;
export type PackageSet = keyof typeof SETS;

const environmentOf = (set: PackageSet): string => join(REPOSITORY, ".cache", SETS[set].folder);
const pythonOf = (set: PackageSet): string =>
  join(environmentOf(set), ...(process.platform === "win32" ? ["Scripts", "python.exe"] : ["bin", "python"]));

/** Time enough to download and install everything once. */
export const ENVIRONMENT_TIMEOUT_MS = 20 * 60_000;

/**
 * Makes the environment when it is not there yet. `SPLITREASON_PYTHON` names the interpreter to start from, `python3` is the default.
 * Rejects, with what Python or pip said, when it cannot be made: these tests are never skipped.
 */
export async function preparePython(set: PackageSet = "exports"): Promise<void> {
  const requirements = join(import.meta.dirname, SETS[set].requirements);
  const environment = environmentOf(set);
  // Written last: an environment without it is not whole.
  const stamp = join(environment, "requirements.sha256");
  const wanted = createHash("sha256")
    .update(await readFile(requirements))
    .digest("hex");
  const isReady = async (): Promise<boolean> => (await readFile(stamp, "utf8").catch(() => "")) === wanted;
  if (await isReady()) return;
  await mkdir(dirname(environment), { recursive: true });
  // Several files of tests need the same environment, and may ask for it at the same time.
  using _lock = await lockWhenFree(`${environment}.lock`);
  if (await isReady()) return;
  const interpreter = process.env["SPLITREASON_PYTHON"] ?? "python3";
  await rm(environment, { recursive: true, force: true });
  try {
    await run(interpreter, ["-m", "venv", environment]);
    await run(pythonOf(set), [
      "-m",
      "pip",
      "install",
      "--quiet",
      "--disable-pip-version-check",
      "-r",
      requirements,
    ]);
  } catch (error) {
    throw new Error(
      `The Python tests need Python 3.11 or newer with venv, and the packages of test/python/${SETS[set].requirements}; ` +
        `"${interpreter}" could not set them up. Install Python, or set SPLITREASON_PYTHON.`,
      { cause: error },
    );
  }
  await writeFile(stamp, wanted);
}

/** Waits while another process, or another file of tests in this one, has the lock. */
async function lockWhenFree(path: string): Promise<Disposable> {
  for (;;) {
    try {
      return lockRun(path);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      await wait(500);
    }
  }
}

/** Runs `test/python/SCRIPT` on `input`. Offline and on one thread. */
export async function runPython(
  script: string,
  input: unknown,
  set: PackageSet = "exports",
): Promise<unknown> {
  const output = await run(pythonOf(set), [join(import.meta.dirname, script)], JSON.stringify(input));
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
