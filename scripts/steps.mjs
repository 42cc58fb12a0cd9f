/** What the set-up scripts share: npm called as the user called it, stages announced and timed, an install only where one is needed. */
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Ends with a message for people when this Node is too old to run what comes next. */
export function requireNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  console.error(
    `splitreason needs Node 20.19 or newer; this is ${process.versions.node}. Install a newer one and run this again.`,
  );
  process.exit(1);
}

/**
 * Whether node_modules holds what package-lock.json asks for. Contents are compared, not dates: a fresh clone dates
 * every file anew. Packages for other platforms and optional ones may be absent.
 */
export function isInstalled() {
  const installedPath = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(installedPath)) return false;
  try {
    const wanted = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
    const installed = JSON.parse(readFileSync(installedPath, "utf8")).packages;
    return Object.entries(wanted).every(([path, entry]) => {
      if (path === "") return true;
      const found = installed[path];
      return found === undefined ? entry.optional === true : found.version === entry.version;
    });
  } catch {
    return false;
  }
}

/**
 * Runs one process to its end.
 * @returns {Promise<{ status: number, output: string }>} `output` is empty when `show` is set: it went to the terminal.
 */
export function run(command, commandArguments, { show = false, environment = {} } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, commandArguments, {
      cwd: root,
      env: { ...process.env, ...environment },
      stdio: ["ignore", show ? "inherit" : "pipe", show ? "inherit" : "pipe"],
    });
    let output = "";
    child.stdout?.on("data", (chunk) => (output += chunk));
    child.stderr?.on("data", (chunk) => (output += chunk));
    child.on("error", (error) => resolve({ status: 1, output: `${output}${command}: ${error.message}\n` }));
    child.on("close", (code) => resolve({ status: code ?? 1, output }));
  });
}

/** Runs npm: the very one that runs this script, where there is one. */
export function npm(npmArguments, options) {
  const executable = process.env.npm_execpath;
  return executable?.endsWith(".js")
    ? run(process.execPath, [executable, ...npmArguments], options)
    : run(process.platform === "win32" ? "npm.cmd" : "npm", npmArguments, options);
}

export const seconds = (milliseconds) => `${(milliseconds / 1000).toFixed(1)} s`;

/** Says what happens, does it, says how long it took; what the step printed is shown only where it failed. */
export async function stage(title, action) {
  const startMs = performance.now();
  process.stdout.write(`${title} ... `);
  const { status, output } = await action();
  console.log(`${status === 0 ? "done" : "FAILED"} in ${seconds(performance.now() - startMs)}`);
  if (status !== 0 && output !== "") console.log(output.trimEnd());
  return status === 0;
}

/** The install as a stage; says so and does nothing where everything is there already. */
export async function installStage() {
  if (isInstalled()) {
    console.log("install: node_modules matches package-lock.json, nothing to do");
    return true;
  }
  return stage("install: npm ci (packages as locked, no install scripts)", () =>
    npm(["ci", "--loglevel=error", "--no-audit", "--no-fund", "--prefer-offline"]),
  );
}
