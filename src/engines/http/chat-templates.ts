/** The chat template of a remote model: the one that the spec names, else the tokenizer's, else the server's. */
import { dirname, join } from "node:path";

import { z } from "zod";

import { readDocument } from "../../core/document.ts";
import { ConfigError } from "../../core/errors.ts";
import { readTextFile } from "../../core/files.ts";
import { BUILT_IN_TEMPLATES, loadTokenizer, type LoadedTokenizer } from "../../tokenizer/index.ts";
import type { HttpEngineSpec } from "./http-spec.ts";

const MAX_TEMPLATE_BYTES = 4 * 1024 * 1024;

const configSchema = z.object({
  chat_template: z.union([
    z.string(),
    z.array(z.object({ name: z.string(), template: z.string() })).transform((all) => {
      const main = all.find(({ name }) => name === "default") ?? all[0];
      return main?.template;
    }),
  ]),
});

/** The Jinja source of the template that a spec names. @throws ConfigError or DataError that names the file. */
export async function readTemplate(name: string): Promise<string> {
  const builtIn = Object.entries(BUILT_IN_TEMPLATES).find(([known]) => known === name)?.[1];
  if (builtIn !== undefined) return builtIn;
  if (!name.endsWith(".json")) return readTextFile(name, MAX_TEMPLATE_BYTES);
  const { chat_template: template } = await readDocument(name, configSchema, {
    source: "config",
    maxBytes: MAX_TEMPLATE_BYTES,
  });
  if (template !== undefined) return template;
  throw new ConfigError(`${name} holds no chat_template.`, { code: "config-invalid" });
}

/** Loads a tokenizer. @param path A tokenizer.json or its folder. */
export async function readTokenizer(path: string): Promise<LoadedTokenizer> {
  const folder = path.endsWith(".json") ? dirname(path) : path;
  if (path.endsWith(".json") && join(folder, "tokenizer.json") !== join(path)) {
    throw new ConfigError(
      `${path}: a tokenizer is read from a file named tokenizer.json, or from the folder with it.`,
      {
        code: "config-invalid",
      },
    );
  }
  return loadTokenizer(folder);
}

export async function templateFor(
  spec: HttpEngineSpec,
  tokenizer: LoadedTokenizer | undefined,
  served: string | undefined,
): Promise<string | undefined> {
  return spec.template === undefined ? (tokenizer?.chatTemplate ?? served) : readTemplate(spec.template);
}
