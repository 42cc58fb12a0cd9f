/** Vitest's global set-up: tests that start the program itself need dist/ to be that of the sources they test. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..", "..");

export default function build(): void {
  // `npm test` has built already, as one of its checks.
  if (process.env["SPLITREASON_BUILT"] === "1") return;
  const main = join(root, "dist", "cli", "main.js");
  if (existsSync(main) && statSync(main).mtimeMs > newestSource(join(root, "src"))) return;
  try {
    const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
    execFileSync(process.execPath, [compiler, "-p", join(root, "tsconfig.build.json")], { stdio: "ignore" });
  } catch {
    // Types are checked elsewhere: files are written all the same, and a test that needs them says what is wrong.
  }
}

function newestSource(folder: string): number {
  return Math.max(
    0,
    ...readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.name.endsWith(".test.ts"))
      .map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs),
  );
}
