/** Who imports whom in `src`, read from the import lines of its files. Tests are left out. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

const IMPORT = /(?:from|import)\s*\(?\s*"(\.[^"]+)"/gu;

/** Source files below `src`, relative to the root, with the files that each imports. */
export function fileImports(root) {
  const files = readdirSync(join(root, "src"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts") && !entry.name.endsWith(".test.ts"))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort();
  return new Map(
    files.map((file) => {
      const text = readFileSync(join(root, file), "utf8");
      return [file, [...text.matchAll(IMPORT)].map(([, path]) => join(dirname(file), path))];
    }),
  );
}

/** Folders of source files, each with the folders that its files import from. */
export function folderImports(root) {
  const folders = new Map();
  for (const [file, imports] of fileImports(root)) {
    const folder = dirname(file);
    const others = folders.get(folder) ?? new Set();
    for (const imported of imports) if (dirname(imported) !== folder) others.add(dirname(imported));
    folders.set(folder, others);
  }
  return folders;
}

/** The sets of nodes that reach each other, of at least two (Tarjan's strongly connected components). */
export function circlesOf(graph) {
  const order = new Map();
  const lowest = new Map();
  const stack = [];
  const circles = [];
  const visit = (node) => {
    order.set(node, order.size);
    lowest.set(node, order.get(node));
    stack.push(node);
    for (const next of graph.get(node) ?? []) {
      if (!order.has(next)) visit(next);
      if (stack.includes(next)) lowest.set(node, Math.min(lowest.get(node), lowest.get(next)));
    }
    if (lowest.get(node) !== order.get(node)) return;
    const circle = stack.splice(stack.indexOf(node));
    if (circle.length > 1) circles.push(circle.sort((a, b) => (a < b ? -1 : 1)));
  };
  for (const node of graph.keys()) if (!order.has(node)) visit(node);
  return circles;
}
