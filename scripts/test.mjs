/**
 * `npm test`: install where needed, then every check, then every test. Ends with `N passed, N failed`, where each check
 * (build, format, lint with the layer rule, types, unused exports, prose) counts as one test. Status 1 when anything failed.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";

import { installStage, npm, requireNode, root, run, seconds, stage } from "./steps.mjs";

requireNode();
const startMs = performance.now();
const failures = [];
let passed = 0;

const checks = [
  ["build", "build: tsc to dist/"],
  ["format:check", "format: oxfmt"],
  ["lint", "lint: oxlint, with types; the layer rule, and no circles between folders"],
  ["typecheck", "types: tsc over sources, tests and benchmarks"],
  ["unused", "unused: knip finds no file, export or dependency without a user"],
  ["prose", "prose: sentences in docs and docstrings; links and commands in docs"],
];

if (await installStage()) {
  for (const [script, title] of checks) {
    if (await stage(title, () => npm(["run", "--silent", script]))) passed += 1;
    else failures.push(title);
  }
  await runTests(process.argv.slice(2));
} else {
  failures.push("install");
}

if (failures.length > 0) console.log(`\nFailed:\n${failures.map((name) => `  - ${name}`).join("\n")}`);
console.log(`\nTook ${seconds(performance.now() - startMs)}.`);
console.log(`${passed} passed, ${failures.length} failed`);
process.exitCode = failures.length === 0 ? 0 : 1;

/** Runs vitest (with the caller's own filters) and adds its counts, read from its JSON report. */
async function runTests(filters) {
  const folder = mkdtempSync(join(tmpdir(), "splitreason-test-"));
  const reportPath = join(folder, "report.json");
  try {
    console.log("tests: vitest");
    const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${reportPath}`];
    const { status } = await run(process.execPath, [vitest, "run", ...reporters, ...filters], {
      show: true,
      environment: { SPLITREASON_BUILT: "1" },
    });
    countReport(JSON.parse(readFileSync(reportPath, "utf8")), status);
  } catch (error) {
    failures.push(`vitest wrote no report (${String(error)})`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function countReport(report, status) {
  const failuresBefore = failures.length;
  for (const file of report.testResults) {
    const path = relative(root, file.name);
    const failed = file.assertionResults.filter((test) => test.status === "failed");
    passed += file.assertionResults.filter((test) => test.status === "passed").length;
    failures.push(...failed.map((test) => `${path}: ${test.fullName}`));
    // A file that could not be loaded, or whose hooks failed, has no failed test of its own.
    if (file.status === "failed" && failed.length === 0) failures.push(`${path}: ${file.message}`);
  }
  if (status !== 0 && failures.length === failuresBefore) {
    failures.push(`vitest ended with status ${status} (an error outside of any test, see above)`);
  }
}
