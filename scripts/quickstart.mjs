/**
 * `npm run quickstart`: from a fresh clone to two models solving problems together, in a few minutes and without a GPU.
 * Installs where needed, builds, then hands over to `splitreason quickstart`, which prints a split trace and a table.
 */
import { join } from "node:path";

import { installStage, npm, requireNode, root, run, seconds, stage } from "./steps.mjs";

requireNode();
const startMs = performance.now();
const ready =
  (await installStage()) && (await stage("build: tsc to dist/", () => npm(["run", "--silent", "build"])));

if (ready) {
  const cli = join(root, "dist", "cli", "main.js");
  const { status } = await run(process.execPath, [cli, "quickstart", ...process.argv.slice(2)], {
    show: true,
  });
  console.log(`\nThe whole quick start took ${seconds(performance.now() - startMs)}.`);
  process.exitCode = status;
} else {
  console.error(
    "\nThe quick start stopped at the step above. The output says why; mend it and run this again.",
  );
  process.exitCode = 1;
}
