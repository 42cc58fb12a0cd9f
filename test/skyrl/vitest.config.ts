import { defineConfig } from "vitest/config";

/** Apart from `npm test`: it needs a server that takes minutes to install. */
export default defineConfig({
  test: {
    include: ["test/skyrl/*.check.ts"],
    globalSetup: ["test/support/build.ts"],
    pool: "forks",
    maxWorkers: 1,
    // Most of it is compilation, on a machine that may have other work.
    testTimeout: 3_600_000,
    hookTimeout: 300_000,
  },
});
