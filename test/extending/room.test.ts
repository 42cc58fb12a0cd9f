/** A new folder of `src` is restricted from its first day: nobody can forget to say what it may import. */
import { execFile } from "node:child_process";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import { expect, it } from "vitest";

import { copyOfProject } from "./support/copy-of-project.ts";

const root = join(import.meta.dirname, "..", "..");

async function checkRooms(folder: string): Promise<{ readonly failed: boolean; readonly said: string }> {
  const script = join(root, "scripts", "rooms.mjs");
  return promisify(execFile)(process.execPath, [script, "--check", "--root", folder]).then(
    ({ stdout, stderr }) => ({ failed: false, said: stdout + stderr }),
    ({ stdout, stderr }: { readonly stdout: string; readonly stderr: string }) => ({
      failed: true,
      said: stdout + stderr,
    }),
  );
}

it("a room that is in no list, and folders in a circle, are refused", async () => {
  const project = await copyOfProject("room");
  await cp(join(root, ".oxlintrc.json"), join(project.folder, ".oxlintrc.json"));
  expect(await checkRooms(project.folder)).toEqual({ failed: false, said: "" });

  await project.add("src/attic/attic.ts", 'import "./box/box.ts";\n');
  await project.add("src/attic/box/box.ts", 'import "../attic.ts";\n');
  const { failed, said } = await checkRooms(project.folder);
  expect(failed).toBe(true);
  expect(said).toContain("src/attic is in no layer");
  expect(said).toContain("circle: src/attic, src/attic/box");
});
