/**
 * `npm run house`: the figures in docs/architecture.md about the sources themselves. `--root FOLDER` counts another checkout,
 * `--json` prints one JSON document.
 */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";

import { circlesOf, folderImports } from "./imports.mjs";
import { root as thisCheckout } from "./steps.mjs";

const options = process.argv.slice(2);
const at = options.indexOf("--root");
const root = at < 0 ? thisCheckout : resolve(options[at + 1]);

const isTest = (path) => /\.test\.tsx?$/u.test(path) || path.startsWith("test/");

/** Lines without comments and blank lines. A line that only ends a comment has `*` first, as the formatter writes it. */
const codeLines = (text) => text.split("\n").filter((line) => !/^\s*(?:$|\/\/|\/?\*)/u.test(line)).length;

/** Files of TypeScript below these folders, and their lines. */
function sizeOf(folders, counts = () => true) {
  const files = folders
    .flatMap((folder) => readdirSync(join(root, folder), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && /\.tsx?$/u.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter(counts);
  const texts = files.map((file) => readFileSync(join(root, file), "utf8"));
  const sum = (counts) => texts.reduce((total, text) => total + counts(text), 0);
  return { files: files.length, lines: sum((text) => text.split("\n").length - 1), code: sum(codeLines) };
}

const folders = folderImports(root);
const figures = {
  src: sizeOf(["src"], (path) => !isTest(path)),
  web: sizeOf(["web"], (path) => !isTest(path)),
  tests: sizeOf(["src", "web", "test"], isTest),
  bench: sizeOf(["bench"]),
  foldersOfSrc: folders.size,
  circles: circlesOf(folders),
  walk: walk(),
};

/** The reading walk from the configuration of `train grpo` into its recipe (scripts/walk.mjs). */
function walk() {
  const script = join(thisCheckout, "scripts", "walk.mjs");
  return JSON.parse(execFileSync(process.execPath, [script, "--root", root, "--json"], { encoding: "utf8" }));
}

if (options.includes("--json")) console.log(JSON.stringify(figures));
else {
  const count = (value) => value.toLocaleString("en");
  const size = ({ files, lines, code }) => `${files} files, ${count(lines)} lines, ${count(code)} of code`;
  const rows = [
    ["src, without tests", size(figures.src)],
    ["web, without tests", size(figures.web)],
    ["tests", size(figures.tests)],
    ["bench", size(figures.bench)],
    ["folders of src", figures.foldersOfSrc],
    ["circles between folders", figures.circles.length],
    [
      "walk of config into reinforce",
      `${figures.walk.stops} stops, ${figures.walk.changes} changes of folder, ${figures.walk.climbs} climbs`,
    ],
  ];
  for (const [name, value] of rows) console.log(`${name.padEnd(32)}${value}`);
}
