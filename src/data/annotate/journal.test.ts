import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, it } from "vitest";

import { AnnotationJournal } from "./journal.ts";

const folder = mkdtempSync(join(tmpdir(), "splitreason-journal-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const header = { annotator: "llm", identity: "abc", settings: { model: "m" } };
let number = 0;
const fresh = (): string => join(folder, `${number++}.jsonl`);

describe("AnnotationJournal", () => {
  it("keeps facts in their order, failures, and what was under way", async () => {
    const path = fresh();
    {
      using journal = await AnnotationJournal.open(path, header);
      journal.keepAsked(3, "d3");
      journal.keepFact(3, "d3", { text: "zwölf 🙂" });
      journal.keepFact(3, "d3", [2]);
      journal.keepFailure(1, "d1", { kind: "refused", reason: "400" });
      journal.keepAsked(5, "d5");
    }
    using journal = await AnnotationJournal.open(path, header);
    expect(journal.rows).toEqual([1, 3, 5]);
    expect(journal.factsOf(3)).toEqual([{ text: "zwölf 🙂" }, [2]]);
    expect(journal.failureOf(1)).toEqual({ kind: "refused", reason: "400" });
    expect([journal.unansweredOf(3), journal.unansweredOf(5), journal.hasFacts(5)]).toEqual([0, 1, false]);
    journal.keepFact(5, "d5", 1);
    expect(journal.factsOf(5)).toEqual([1]);
  });

  it("what is forgotten stays forgotten, but known to have cost", async () => {
    const path = fresh();
    {
      using journal = await AnnotationJournal.open(path, header);
      journal.keepFact(0, "d", "first");
      journal.keepFailure(0, "d", { kind: "k", reason: "r" });
      journal.forget(0, "d");
      journal.keepFact(0, "d", "second");
    }
    using journal = await AnnotationJournal.open(path, header);
    expect([journal.factsOf(0), journal.pastFactsOf(0), journal.failureOf(0)]).toEqual([
      ["second"],
      ["first"],
      undefined,
    ]);
  });

  it("cut at any byte, every whole line is there and the next entry begins one", async () => {
    const whole = fresh();
    {
      using journal = await AnnotationJournal.open(whole, header);
      for (let row = 0; row < 4; row++) journal.keepFact(row, "d", { text: `ä${row}` });
    }
    const bytes = readFileSync(whole);
    const path = fresh();
    for (let length = 0; length <= bytes.length; length++) {
      writeFileSync(path, bytes);
      truncateSync(path, length);
      const facts = bytes
        .subarray(0, length)
        .toString("utf8")
        .split("\n")
        .slice(0, -1)
        .filter((line) => line.includes("fact"));
      {
        using journal = await AnnotationJournal.open(path, header);
        expect(journal.rows).toEqual(facts.map((_, row) => row));
        journal.keepFact(9, "d", "later");
      }
      using again = await AnnotationJournal.open(path, header);
      expect(again.rows.at(-1)).toBe(9);
      expect(again.factsOf(9)).toEqual(["later"]);
    }
  });

  it("refuses other settings, another input, another file and damage", async () => {
    const path = fresh();
    {
      using journal = await AnnotationJournal.open(path, header);
      journal.keepFact(0, "d", 1);
      expect(() => journal.requireSame(0, "other")).toThrow(/the input has changed/u);
      journal.requireSame(0, "d");
      journal.requireSame(1, "anything");
    }
    await expect(AnnotationJournal.open(path, { ...header, identity: "x" })).rejects.toThrow(
      /other settings/u,
    );
    writeFileSync(path, `${readFileSync(path, "utf8").split("\n")[0]}\n{"row":"x"}\n{"begin":true}\n`);
    await expect(AnnotationJournal.open(path, header)).rejects.toThrow(/is damaged at byte \d+/u);
    writeFileSync(path, '{"id":"a"}\n');
    await expect(AnnotationJournal.open(path, header)).rejects.toThrow(/is not the journal/u);
  });

  it("leaves nothing behind where nothing was learnt", async () => {
    const path = fresh();
    {
      using _journal = await AnnotationJournal.open(path, header);
      expect(existsSync(path)).toBe(true);
    }
    expect(existsSync(path)).toBe(false);
  });
});
