import { defineConfig } from "vitest/config";

/** Apart from `npm test`: it needs a server that takes minutes to install. */
export default defineConfig({
  test: {
    include: ["test/skyrl/*.check.ts"],
    globalSetup: ["test/support/build.ts"],
    pool: "forks",
    maxWorkers: 1,
    testTimeout: 600_000,
    hookTimeout: 300_000,
  },
});
