/** A real Chromium without a window. Where none is installed it is installed (Debian, as root), else the error says what to do. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type Browser, chromium } from "playwright-core";

const CANDIDATES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Time limit of a hook that may have to install Chromium. */
export const INSTALL_TIMEOUT_MS = 10 * 60_000;

/** @throws Error when there is no Chromium and none can be installed: the tests must not pass without one. */
export async function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: findChromium() ?? installChromium(),
    headless: true,
    // Root in a container has no user namespaces for the sandbox; the pages are our own.
    args: [
      ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
      "--disable-dev-shm-usage",
      "--hide-scrollbars",
    ],
  });
}

function findChromium(): string | undefined {
  const named = process.env["CHROMIUM_PATH"];
  if (named !== undefined && named !== "") {
    if (!existsSync(named)) throw new Error(`CHROMIUM_PATH is ${named}, but there is no such file.`);
    return named;
  }
  return CANDIDATES.find((path) => existsSync(path));
}

function installChromium(): string {
  const help =
    "Install it (Debian: apt-get install chromium) or set CHROMIUM_PATH to a Chromium or Chrome, and run the tests again.";
  if (process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get")) {
    throw new Error(
      `The playground's tests need Chromium, and there is none at ${CANDIDATES.join(", ")}. ${help}`,
    );
  }
  // Two test files may find it missing at the same time, and apt-get lets only one in: the second waits, and then finds it.
  const install =
    "test -x /usr/bin/chromium || { apt-get -qq update && apt-get -qq install --yes --no-install-recommends chromium; }";
  try {
    execFileSync("flock", [join(tmpdir(), "splitreason-chromium.lock"), "sh", "-c", install], {
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
      stdio: "pipe",
      timeout: INSTALL_TIMEOUT_MS,
    });
  } catch (error) {
    throw new Error(`The playground's tests need Chromium, and apt-get could not install it. ${help}`, {
      cause: error,
    });
  }
  const path = findChromium();
  if (path === undefined)
    throw new Error(`apt-get installed chromium, but it is not at ${CANDIDATES.join(", ")}. ${help}`);
  return path;
}
