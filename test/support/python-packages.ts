/** Packages from PyPI for single tests, each set in a folder of its own under .cache/, installed when a test first wants it. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";

const REPOSITORY = join(import.meta.dirname, "..", "..");

/** Time enough to download and install once. */
export const PACKAGES_TIMEOUT_MS = 10 * 60_000;

/** `SPLITREASON_PYTHON` names the interpreter, `python3` is the default. */
export const pythonProgram = (): string => process.env["SPLITREASON_PYTHON"] ?? "python3";

/**
 * The folder to put into PYTHONPATH. Its name says what is in it, and it gets that name when it is whole.
 * @param pinned With versions; nothing that they depend on comes along.
 * @param use For what they are needed, should they not be had: such tests are never skipped.
 */
export async function pythonPackages(name: string, pinned: readonly string[], use: string): Promise<string> {
  const cache = join(REPOSITORY, ".cache", name);
  const digest = createHash("sha256").update(pinned.join(" ")).digest("hex").slice(0, 12);
  const folder = join(cache, digest);
  if (existsSync(folder)) return folder;
  await mkdir(cache, { recursive: true });
  const partial = await mkdtemp(join(cache, "partial-"));
  try {
    const only = "--no-deps --only-binary :all: --quiet --disable-pip-version-check".split(" ");
    await run(pythonProgram(), ["-m", "pip", "install", ...only, "--target", partial, ...pinned]);
    await rename(partial, folder).catch((error: unknown) => {
      // Another test was faster.
      if (!existsSync(folder)) throw error;
    });
  } catch (error) {
    throw new Error(
      `${use} need Python 3.11 or newer with pip, and its packages ${pinned.join(", ")}; ` +
        `"${pythonProgram()}" could not install them. Install Python, or set SPLITREASON_PYTHON.`,
      { cause: error },
    );
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  return folder;
}

function run(command: string, commandArguments: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, commandArguments, { stdio: ["ignore", "ignore", "pipe"] });
    let errors = "";
    child.stderr.on("data", (part: Buffer) => {
      errors += part.toString("utf8");
    });
    child.on("error", reject);
    child.on("close", (status) => {
      if (status === 0) resolve();
      else reject(new Error(`${command} ${commandArguments.join(" ")}\n${errors}`));
    });
  });
}
