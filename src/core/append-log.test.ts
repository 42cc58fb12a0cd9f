import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, it } from "vitest";

import { AppendLog } from "./append-log.ts";

const folder = mkdtempSync(join(tmpdir(), "splitreason-append-log-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let number = 0;
const fresh = (): string => join(folder, `${number++}.jsonl`);

async function openLog(path: string): Promise<{ readonly log: AppendLog; readonly texts: string[] }> {
  const texts: string[] = [];
  return { log: await AppendLog.open(path, ({ text }) => texts.push(text)), texts };
}

describe("AppendLog", () => {
  it("says where each line is, in bytes, in this process and the next", async () => {
    const path = fresh();
    const { log, texts } = await openLog(path);
    expect([texts, log.isEmpty, existsSync(path)]).toEqual([[], true, false]);
    log.sync();
    const first = log.append({ text: "zwölf 🙂" });
    const second = log.append([2], { flush: true });
    log.sync();
    expect([...log.read([second, first])]).toEqual(["[2]", '{"text":"zwölf 🙂"}']);

    const again = await openLog(path);
    expect(again.texts).toEqual(['{"text":"zwölf 🙂"}', "[2]"]);
    expect([...again.log.read([again.log.append(3), first])]).toEqual(["3", '{"text":"zwölf 🙂"}']);
  });

  it("cuts off what a kill left of a line, at the first append and not before", async () => {
    const path = fresh();
    const whole = '{"a":"ä"}\n{"b":2}\n';
    const bytes = Buffer.from(whole);
    for (let length = 0; length <= bytes.length; length++) {
      const left = bytes.subarray(0, length);
      writeFileSync(path, left);
      const { log, texts } = await openLog(path);
      const lines = left.toString("utf8").split("\n").slice(0, -1);
      expect(texts).toEqual(lines);
      expect(readFileSync(path).equals(left)).toBe(true);
      expect([...log.read([log.append("next")])]).toEqual(['"next"']);
      expect(readFileSync(path, "utf8")).toBe([...lines, '"next"\n'].join("\n"));
    }
  });

  it("is replaced in one step, torn line and all", async () => {
    const path = fresh();
    writeFileSync(path, "1\n2\n3\n4");
    const { log } = await openLog(path);
    const places = await log.replace(['"ö"', "3"]);
    log.append(5);
    expect(readFileSync(path, "utf8")).toBe('"ö"\n3\n5\n');
    expect([...log.read(places)]).toEqual(['"ö"', "3"]);
    await log.replace([]);
    expect([log.isEmpty, readFileSync(path, "utf8")]).toEqual([true, ""]);
  });

  it("leaves a file as it is that its reader refuses", async () => {
    const path = fresh();
    writeFileSync(path, "not ours\nhalf");
    const refuse = (): void => {
      throw new Error("refused");
    };
    await expect(AppendLog.open(path, refuse)).rejects.toThrow("refused");
    expect(readFileSync(path, "utf8")).toBe("not ours\nhalf");
  });

  it("names the file that cannot be written, or has become shorter", async () => {
    const { log } = await openLog(join(folder, "missing", "log.jsonl"));
    expect(() => log.append(1)).toThrow(/cannot write .*log\.jsonl: ENOENT.*; give --out/u);
    const path = fresh();
    appendFileSync(path, "1\n");
    const { log: short } = await openLog(path);
    expect(() => [...short.read([{ offset: 0, length: 9 }])]).toThrow(/became shorter/u);
  });
});
