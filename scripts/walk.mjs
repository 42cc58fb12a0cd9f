/**
 * The walk of a reader who follows a recipe: `node scripts/walk.mjs [--json] [--root FOLDER] [--registry FILE]... [ENTRY]...`
 *
 * From each entry, depth first and in source order, through the imports that lie in src/recipes and src/train; every file is opened once. A registry
 * is opened too, but not what it names: a reader of the whole needs no implementation. Registries are files called `registry.ts`, and those
 * given by --registry (for older trees).
 *
 * - stops: files opened
 * - changes: how often the next file opened lies in another folder than the one before
 * - rooms: folders seen
 * - climbs: imports that lead up, to a folder above the importing file's own or to a higher layer
 */
import { dirname, normalize } from "node:path";
import { parseArgs } from "node:util";

import { fileImports } from "./imports.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "boolean", default: false },
    root: { type: "string", default: "." },
    registry: { type: "string", multiple: true, default: [] },
  },
});
const ENTRIES = ["src/recipes/reinforce/config.ts", "src/recipes/reinforce/index.ts"];
/** Lower layers last: an import from a later to an earlier one climbs. */
const LAYERS = ["src/recipes/", "src/train/"];

const layerOf = (file) => LAYERS.findIndex((layer) => file.startsWith(layer));
const isRegistry = (file) => file.endsWith("/registry.ts") || values.registry.includes(file);

const imports = fileImports(values.root);
const importsOf = (file) =>
  (imports.get(file) ?? []).filter((target) => layerOf(target) >= 0 && imports.has(target));

const isAbove = (target, file) =>
  dirname(file).startsWith(`${dirname(target)}/`) || layerOf(target) < layerOf(file);

const stops = [];
const seen = new Set();
let climbs = 0;

function visit(file) {
  if (seen.has(file)) return;
  seen.add(file);
  stops.push(file);
  if (isRegistry(file)) return;
  for (const target of importsOf(file)) {
    if (isAbove(target, file)) climbs++;
    visit(target);
  }
}
for (const entry of positionals.length > 0 ? positionals : ENTRIES) visit(normalize(entry));

const rooms = stops.map((file) => dirname(file));
const changes = rooms.filter((room, index) => index > 0 && room !== rooms[index - 1]).length;
const walk = { stops: stops.length, changes, rooms: new Set(rooms).size, climbs };
if (values.json) console.log(JSON.stringify({ ...walk, files: stops }));
else {
  for (const file of stops) console.log(file);
  console.log(
    `${walk.stops} stops, ${changes} changes of folder among ${walk.rooms} folders, ${climbs} climbs`,
  );
}
