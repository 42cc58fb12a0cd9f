/**
 * The rooms of `src` and which may import which. `node scripts/rooms.mjs` writes the layer rule of `.oxlintrc.json` from the list below;
 * with `--check` (part of `npm run lint`) it writes nothing, and fails where the rule is out of date, a folder of `src` is not in the list,
 * or folders import each other in a circle. With `--root FOLDER` it looks at another checkout.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { root as thisCheckout } from "./steps.mjs";
import { circlesOf, folderImports } from "./imports.mjs";

/** What each room may import. `NAME+` stands for NAME and all that NAME may import. */
export const ROOMS = {
  core: [],
  formats: ["core"],
  tags: ["core"],
  micro: ["core"],
  tokenizer: ["formats+", "tags+"],
  engines: ["tokenizer+"],
  decode: ["engines+"],
  gateway: ["decode+"],
  latency: ["decode+"],
  data: ["decode+", "micro"],
  train: ["decode+", "micro"],
  eval: ["decode+", "micro"],
  recipes: ["gateway+", "latency+", "data+", "train+", "eval+"],
  cli: ["recipes+"],
};

const allowed = (room) =>
  new Set(ROOMS[room].flatMap((name) => (name.endsWith("+") ? withAll(name.slice(0, -1)) : [name])));
const withAll = (room) => [room, ...allowed(room)];

/** One override of oxlint for each room that may not import every other. */
function layerRules() {
  return Object.keys(ROOMS).flatMap((room) => {
    const mayImport = allowed(room);
    const forbidden = Object.keys(ROOMS).filter((other) => other !== room && !mayImport.has(other));
    if (forbidden.length === 0) return [];
    const group = forbidden.map((other) => `**/${other}/**`);
    const message = `${room} may import ${[...mayImport].join(", ") || "nothing of ours"} (scripts/rooms.mjs)`;
    return [
      {
        files: [`src/${room}/**/*.ts`],
        rules: { "no-restricted-imports": ["error", { patterns: [{ group, message }] }] },
      },
    ];
  });
}

/** JSON in which a value of more than `depth` levels stands on one line: a rule is read as a line. */
function asLines(value, depth, indent = "") {
  if (depth === 0 || typeof value !== "object" || value === null) return asLine(value);
  const inner = `${indent}  `;
  const isList = Array.isArray(value);
  const entries = isList
    ? value.map((item) => asLines(item, depth - 1, inner))
    : Object.entries(value).map(
        ([key, item]) => `${JSON.stringify(key)}: ${asLines(item, depth - 1, inner)}`,
      );
  const [open, close] = isList ? "[]" : "{}";
  return `${open}\n${inner}${entries.join(`,\n${inner}`)}\n${indent}${close}`;
}

function asLine(value) {
  if (Array.isArray(value)) return `[${value.map(asLine).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${asLine(item)}`);
  return entries.length === 0 ? "{}" : `{ ${entries.join(", ")} }`;
}

function main(options) {
  const check = options.includes("--check");
  const at = options.indexOf("--root");
  const root = at < 0 ? thisCheckout : options[at + 1];
  const faults = [];

  const folders = readdirSync(join(root, "src"), { withFileTypes: true }).filter((entry) =>
    entry.isDirectory(),
  );
  for (const { name } of folders) {
    if (Object.hasOwn(ROOMS, name)) continue;
    faults.push(
      `src/${name} is in no layer. Say in scripts/rooms.mjs what it may import, then run node scripts/rooms.mjs.`,
    );
  }

  const path = join(root, ".oxlintrc.json");
  const config = JSON.parse(readFileSync(path, "utf8"));
  const others = config.overrides.filter(
    ({ files }) => !files.every((file) => /^src\/\w+\/\*\*\/\*\.ts$/u.test(file)),
  );
  const wanted = { ...config, overrides: [...layerRules(), ...others] };
  if (JSON.stringify(wanted) !== JSON.stringify(config)) {
    if (check) faults.push(".oxlintrc.json is not what scripts/rooms.mjs says. Run node scripts/rooms.mjs.");
    else {
      writeFileSync(path, `${asLines(wanted, 2)}\n`);
      console.log("Wrote the layer rule into .oxlintrc.json.");
    }
  }

  for (const circle of circlesOf(folderImports(root))) {
    faults.push(`These folders import each other in a circle: ${circle.join(", ")}.`);
  }
  for (const fault of faults) console.error(fault);
  if (faults.length > 0) process.exitCode = 1;
}

if (process.argv[1] !== undefined && import.meta.filename === process.argv[1]) main(process.argv.slice(2));
