/** The pages of `web/`, for tests that open them: built here when the build is older than its sources. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..", "..");
const BUILT = {
  playground: join(root, "dist", "web", "index.html"),
  stats: join(root, "dist", "stats-page", "page.html"),
  report: join(root, "dist", "report-page", "page.html"),
} as const;

/** @returns the file. @throws Error with the builder's words when the sources do not build. */
export function buildPage(name: keyof typeof BUILT): string {
  const page = BUILT[name];
  // `npm test` has built already, as one of its checks.
  if (process.env["SPLITREASON_BUILT"] === "1" && existsSync(page)) return page;
  const newest = Math.max(newestSource(join(root, "web")), newestSource(join(root, "src", "core")));
  if (existsSync(page) && statSync(page).mtimeMs > newest) return page;
  const vite = join(root, "node_modules", "vite", "bin", "vite.js");
  execFileSync(
    process.execPath,
    [vite, "build", "--config", `web/${name}/vite.config.ts`, "--logLevel", "warn"],
    { cwd: root, stdio: "pipe" },
  );
  return page;
}

function newestSource(folder: string): number {
  return Math.max(
    ...readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs),
  );
}
