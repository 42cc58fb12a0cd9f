/** The built page of `data stats`: built here when it is older than its sources. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..", "..");
const page = join(root, "dist", "stats-page", "page.html");

/** @throws Error with the builder's words when the sources do not build. */
export function buildStatsPage(): void {
  // `npm test` has built already, as one of its checks.
  if (process.env["SPLITREASON_BUILT"] === "1" && existsSync(page)) return;
  if (existsSync(page) && statSync(page).mtimeMs > newestSource(join(root, "web"))) return;
  const vite = join(root, "node_modules", "vite", "bin", "vite.js");
  execFileSync(
    process.execPath,
    [vite, "build", "--config", "web/stats/vite.config.ts", "--logLevel", "warn"],
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
