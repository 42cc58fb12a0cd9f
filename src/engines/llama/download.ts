/** Downloads models from Hugging Face by node-llama-cpp's own downloader. No test runs this, since tests have no network. */
import { mkdir } from "node:fs/promises";

import { resolveModelFile } from "node-llama-cpp";

/** The path of the model file in `folder`. Downloads the file if it is missing; a partial download continues. */
export async function downloadModel(
  repository: string,
  quantization: string | undefined,
  folder: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  await mkdir(folder, { recursive: true });
  return resolveModelFile(`hf:${repository}${quantization === undefined ? "" : `:${quantization}`}`, {
    directory: folder,
    cli: false,
    deleteTempFileOnCancel: false,
    ...(signal === undefined ? {} : { signal }),
  });
}
