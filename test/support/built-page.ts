/** The pages that are files: built here when they are older than their sources. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..", "..");

/** @throws Error with the builder's words when the sources do not build. */
export function buildPage(name: "stats" | "report"): void {
  const page = join(root, "dist", `${name}-page`, "page.html");
  // `npm test` has built already, as one of its checks.
  if (process.env["SPLITREASON_BUILT"] === "1" && existsSync(page)) return;
  if (
    existsSync(page) &&
    statSync(page).mtimeMs >
      Math.max(newestSource(join(root, "web")), newestSource(join(root, "src", "core")))
  )
    return;
  const vite = join(root, "node_modules", "vite", "bin", "vite.js");
  execFileSync(
    process.execPath,
    [vite, "build", "--config", `web/${name}/vite.config.ts`, "--logLevel", "warn"],
    {
      cwd: root,
      stdio: "pipe",
    },
  );
}

function newestSource(folder: string): number {
  return Math.max(
    ...readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs),
  );
}
