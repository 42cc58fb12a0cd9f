/** The copy that the tests beside this one extend: it is the project, and it says what was touched. */
import { expect, it } from "vitest";

import { copyOfProject } from "./support/copy-of-project.ts";

it("a copy compiles, runs, and lists each file that was touched", async () => {
  const project = await copyOfProject("copy");
  await project.add("src/core/added.ts", "export const ADDED = 1;\n");
  await project.insertAfter("src/cli/main.ts", /^#!/u, "// one more line");
  await expect(project.add("src/core/added.ts", "")).rejects.toThrow("exists already");
  await expect(project.insertAfter("src/cli/main.ts", /^no such line$/u, "")).rejects.toThrow("no line like");
  expect(project.touched).toEqual(["src/cli/main.ts", "src/core/added.ts"]);
  await project.build();
  const { status, stdout } = await project.run(["--version"]);
  expect({ status, stdout: stdout.trim() }).toEqual({
    status: 0,
    stdout: expect.stringMatching(/^\d+\.\d+\.\d+$/u),
  });
});

it("a copy that does not compile says why", async () => {
  const project = await copyOfProject("broken-copy");
  await project.add("src/core/broken.ts", "export const BROKEN: string = 1;\n");
  await expect(project.build()).rejects.toThrow("src/core/broken.ts");
});
