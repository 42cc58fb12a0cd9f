/** The trainer against the recording of a real SkyRL server (test/skyrl): it sends the same bytes and reads the answers in the same way. */
import { mkdtempSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, expect, it } from "vitest";

import { connectTo, converse, dataOf } from "./support/recorded-conversation.ts";
import { RecordedServer, recordSchema } from "./support/recorded-server.ts";

const folder = mkdtempSync(join(tmpdir(), "splitreason-recorded-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it("says and hears what it did with SkyRL 0.4.0, up to the loss of the model", async () => {
  const record = recordSchema.parse(
    JSON.parse(await readFile(join(import.meta.dirname, "fixtures", "skyrl-0.4.0.json"), "utf8")),
  );
  const server = await RecordedServer.start(record.exchanges);
  const connected = await connectTo(server.url);
  try {
    const outcome = await converse(connected, folder);
    expect(JSON.parse(JSON.stringify(outcome))).toEqual(record.outcome);
    await expect(connected.trainer.forward(dataOf(connected.tokenizer))).rejects.toMatchObject({
      code: record.lost,
      retryable: true,
    });
  } finally {
    await connected.trainer.close();
    await server.close();
  }
  expect(server.unheard).toEqual([]);
  expect(server.left).toBe(0);
});
