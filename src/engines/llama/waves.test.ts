import { describe, expect, it } from "vitest";

import { Waves } from "./waves.ts";

/** A call that ends when told to, and notes when it began and was answered. */
function makeCalls(waves: Waves) {
  const log: string[] = [];
  const ends = new Map<string, () => void>();
  const call = (name: string): Promise<void> =>
    waves
      .run(async () => {
        log.push(`begin ${name}`);
        await new Promise<void>((end) => ends.set(name, end));
      })
      .then(() => void log.push(`answer ${name}`));
  return { log, call, end: (name: string) => ends.get(name)?.() };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

describe("waves", () => {
  it("starts a call at once when it is alone", () => {
    const { log, call } = makeCalls(new Waves());
    void call("a");
    expect(log).toEqual(["begin a"]);
  });

  it("starts together what was asked for meanwhile, and answers it together", async () => {
    const waves = new Waves();
    const { log, call, end } = makeCalls(waves);
    const first = call("a");
    const others = [call("b"), call("c")];
    await turn();
    expect(log).toEqual(["begin a"]);
    end("a");
    await first;
    await turn();
    expect(log).toEqual(["begin a", "answer a", "begin b", "begin c"]);
    expect(waves.size).toBe(2);
    end("b");
    await turn();
    expect(log).not.toContain("answer b");
    end("c");
    await Promise.all(others);
    expect(log.slice(4).toSorted()).toEqual(["answer b", "answer c"]);
    expect(waves.active).toBe(0);
  });

  it("keeps sequences in step that ask again as soon as they are answered", async () => {
    const waves = new Waves();
    const sizes: number[] = [];
    let open = 0;
    const sequence = async (): Promise<void> => {
      for (let round = 0; round < 5; round++) {
        await waves.run(async () => {
          if (open++ === 0) sizes.push(waves.size);
          await turn();
          open--;
        });
      }
    };
    await Promise.all(Array.from({ length: 8 }, sequence));
    // The very first call finds nobody to wait for. From then on no call takes a wave for itself.
    expect(sizes).toEqual([1, 8, 8, 8, 8, 7]);
  });

  it("starts a call at once again after a wave of one", async () => {
    const waves = new Waves();
    await Promise.all([waves.run(async () => {}), waves.run(async () => {}), waves.run(async () => {})]);
    await waves.run(async () => {});
    const { log, call } = makeCalls(waves);
    void call("a");
    expect(log).toEqual(["begin a"]);
  });

  it("continues after a call that fails", async () => {
    const waves = new Waves();
    const { call, end } = makeCalls(waves);
    const first = call("a");
    const failing = waves.run(async () => {
      throw new Error("broken");
    });
    const last = call("c");
    end("a");
    await first;
    await turn();
    end("c");
    await expect(failing).rejects.toThrow("broken");
    await last;
    expect([waves.active, waves.size]).toEqual([0, 0]);
  });

  it("never lets two waves overlap, whatever comes when", async () => {
    const waves = new Waves();
    let [open, most, answered] = [0, 0, 0];
    const running = new Set<number>();
    await Promise.all(
      Array.from({ length: 20 }, async (_, caller) => {
        for (let round = 0; round < 20; round++) {
          await waves.run(async () => {
            expect(running.has(caller)).toBe(false);
            running.add(caller);
            most = Math.max(most, ++open);
            for (let hops = 0; hops < (caller * 7 + round) % 5; hops++) await Promise.resolve();
            if ((caller + round) % 3 === 0) await turn();
            open--;
            running.delete(caller);
          });
          answered++;
          if ((caller * round) % 11 === 0) await turn();
        }
      }),
    );
    expect(answered).toBe(400);
    expect(most).toBeGreaterThan(10);
    expect(waves.active).toBe(0);
  });
});
