/** Unpacks weights as a server sends them: a tar archive, plain or gzipped, with a whole model or with adapters for one. */
import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { PassThrough, pipeline as pipe, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";

import { extract } from "tar-stream";

import { DataError, errorMessage } from "../../../core/errors.ts";

/** Largest archive: far above any model that is trained here, so that an endless stream ends. */
const MOST_BYTES = 512 * 1024 ** 3;
const MOST_FILES = 4_096;
const GZIP = Buffer.from([0x1f, 0x8b]);

/** Writes the archive's files into `folder`, flat, and returns their names. @throws DataError for what is not such an archive. */
export async function unpackArchive(archive: NodeJS.ReadableStream, folder: string): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  const names: string[] = [];
  let sizeBytes = 0;
  const files = extract();
  files.on("entry", (header, stream, next) => {
    const name = basename(header.name);
    sizeBytes += header.size ?? 0;
    if (sizeBytes > MOST_BYTES || names.length > MOST_FILES) {
      next(new Error(`it has more than ${MOST_BYTES} bytes or ${MOST_FILES} files`));
      return;
    }
    // Folders, links and hidden files do not belong to weights, and a name is never a path here.
    if (header.type !== "file" || name.startsWith(".")) {
      stream.on("end", () => next());
      stream.resume();
      return;
    }
    names.push(name);
    pipe(stream, createWriteStream(join(folder, name)), (error) => next(error));
  });
  try {
    await pipeline(await unzipped(archive), files);
  } catch (error) {
    throw new DataError(`the weights that the trainer server sent cannot be read: ${errorMessage(error)}.`, {
      code: "data-invalid",
      cause: error,
    });
  }
  return names;
}

/** Unzips where needed. All SkyRL backends name the archive `.tar.gz`, but one does not compress it. */
async function unzipped(archive: NodeJS.ReadableStream): Promise<Readable> {
  const chunks = archive[Symbol.asyncIterator]();
  const first = await chunks.next();
  const head = first.done === true ? Buffer.alloc(0) : Buffer.from(first.value as Uint8Array);
  const whole = Readable.from(
    (async function* () {
      yield head;
      for (let step = await chunks.next(); step.done !== true; step = await chunks.next())
        yield step.value as Buffer;
    })(),
  );
  const isZipped = head.subarray(0, 2).equals(GZIP);
  const out = isZipped ? createGunzip() : new PassThrough();
  whole.on("error", (error) => out.destroy(error));
  return whole.pipe(out);
}
