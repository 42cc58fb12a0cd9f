/** Models from Hugging Face, through node-llama-cpp's own downloader. Not exercised by our tests, which run without a network. */
import { mkdir } from "node:fs/promises";

import { resolveModelFile } from "node-llama-cpp";

/** The path of the model file in `folder`, downloaded when it is not there. Partial downloads are taken up again. */
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
