/** The built playground, for tests that serve it: built here when dist/web is older than its sources. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..", "..");
const site = join(root, "dist", "web");

/** @returns the folder. @throws Error with the builder's words when the sources do not build. */
export function builtSite(): string {
  const index = join(site, "index.html");
  // `npm test` has built already, as one of its checks.
  if (process.env["SPLITREASON_BUILT"] === "1" && existsSync(index)) return site;
  if (existsSync(index) && statSync(index).mtimeMs > newestSource(join(root, "web"))) return site;
  const vite = join(root, "node_modules", "vite", "bin", "vite.js");
  execFileSync(
    process.execPath,
    [vite, "build", "--config", "web/playground/vite.config.ts", "--logLevel", "warn"],
    {
      cwd: root,
      stdio: "pipe",
    },
  );
  return site;
}

function newestSource(folder: string): number {
  return Math.max(
    ...readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs),
  );
}
