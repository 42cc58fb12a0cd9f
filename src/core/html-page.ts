/**
 * A self-contained page: a built program with data put into it. The data can never run: it is JSON without a `<`, in a script element of a
 * type that no browser runs. The content security policy allows the page's own program, by its digest, and nothing else.
 */
import { readFile } from "node:fs/promises";

import { DataError } from "./errors.ts";

/** The placeholder for the data in each page's `index.html`. */
const PLACE = '<script type="application/json" id="data"></script>';

/** @throws DataError when the page's program, at the path `template`, is not built. */
export async function pageWithData(template: string, data: unknown): Promise<string> {
  const html = await readFile(template, "utf8").catch((error: unknown) => {
    throw new DataError(`the page's program is not at ${template}: run npm run build.`, {
      code: "file-missing",
      cause: error,
    });
  });
  const parts = html.split(PLACE);
  const [before, after] = parts;
  if (parts.length !== 2 || before === undefined || after === undefined) {
    throw new DataError(`${template} has no place for the data: run npm run build.`, {
      code: "file-invalid",
    });
  }
  return `${before}${PLACE.replace("></", () => `>${scriptSafeJson(data)}</`)}${after}`;
}

/** JSON that cannot end a script element or open a comment, without line separators. */
export function scriptSafeJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
