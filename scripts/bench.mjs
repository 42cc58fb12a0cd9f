/**
 * `node scripts/bench.mjs NAME [OPTIONS]`, behind `npm run bench:NAME`: compiles `bench/NAME.ts` with what it imports into
 * `.cache/bench` and runs it in the root of the checkout.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

import { requireNode, root } from "./steps.mjs";

requireNode();
const [name, ...options] = process.argv.slice(2);
if (!name || !existsSync(join(root, "bench", `${name}.ts`))) {
  console.error(`there is no bench/${name ?? "NAME"}.ts. Call: node scripts/bench.mjs NAME [OPTIONS].`);
  process.exit(2);
}
const run = (...args) => {
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
};
run(join(root, "node_modules", "typescript", "bin", "tsc"), "-p", "tsconfig.bench.json");
run(join(root, ".cache", "bench", "bench", `${name}.js`), ...options);
