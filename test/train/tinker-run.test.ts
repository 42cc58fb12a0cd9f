/** A run and its trainer server: a new start when the model was lost, and the news meanwhile. */
import { join } from "node:path";

import { afterEach, beforeEach, expect, it } from "vitest";

import { TrainError } from "../../src/core/errors.ts";
import { tokenId } from "../../src/core/ids.ts";
import { textPiece } from "../../src/core/piece.ts";
import { withTrainer } from "../../src/recipes/trainer/with-trainer.ts";
import { OFFLOAD_TAGS } from "../../src/tags/index.ts";
import type { Trainer } from "../../src/train/trainer.ts";
import { chooseTrainer } from "../../src/train/trainers/registry.ts";
import { TinkerTrainer } from "../../src/train/trainers/tinker/tinker-trainer.ts";
import { TinkerImitation } from "./support/tinker-imitation.ts";

let server: TinkerImitation;
beforeEach(async () => {
  server = await TinkerImitation.start();
});
afterEach(() => server.close());

const data = [{ tokens: [tokenId(1)], targets: [tokenId(2)], weights: [1] }];

async function runWith<Outcome>(
  run: (trainer: Trainer) => Promise<Outcome>,
  { notices = [], url = server.url }: { readonly notices?: string[]; readonly url?: string } = {},
): Promise<Outcome> {
  const chosen = chooseTrainer(`tinker:${url}?patience=20&backend=hosted`);
  const model = await chosen.readModel(join("models", "micro", "small"));
  const onNotice = (text: string) => notices.push(text);
  return withTrainer(
    chosen,
    model,
    { name: "test", seed: 1, threads: 1, rowLength: 64, chatTemplate: "", onNotice },
    run,
  );
}

it("begins the run again with a new model when the server lost the first one, and says so", async () => {
  const notices: string[] = [];
  const ids: string[] = [];
  const outcome = await runWith(
    async (trainer) => {
      if (trainer instanceof TinkerTrainer) ids.push(trainer.modelId);
      if (ids.length < 3) server.forgetModels();
      return (await trainer.forward(data)).logprobs.length;
    },
    { notices },
  );
  expect(outcome).toBe(1);
  expect(new Set(ids).size).toBe(3);
  expect(notices).toHaveLength(2);
  expect(notices[0]).toContain("no longer has the model of this run");
  // Each trainer is closed, the last one too.
  expect(server.count("/unload_model")).toBe(3);
});

it("begins again also when those who met the loss went on, and the run failed of something else", async () => {
  let runs = 0;
  const outcome = await runWith(async (trainer) => {
    if (++runs === 2) return "done";
    const engine = await trainer.sampler();
    await using sequence = await engine.open();
    await sequence.append([textPiece("2")]);
    server.forgetModels();
    // A rollout that fails is recorded and passed over.
    await sequence.score([textPiece("1")], { watch: [OFFLOAD_TAGS.close] }).catch(() => undefined);
    throw new TrainError("no rollout is left", { code: "train-invalid" });
  });
  expect(outcome).toBe("done");
});

it("does not begin again after another error, a stop, or the tenth loss", async () => {
  let runs = 0;
  const failing = (error: Error) => () => {
    runs++;
    return Promise.reject(error);
  };
  await expect(runWith(failing(new TypeError("a fault")))).rejects.toThrow("a fault");
  await expect(runWith(failing(new TrainError("stopped", { code: "aborted" })))).rejects.toThrow("stopped");
  expect(runs).toBe(2);
  const lost = new TrainError("lost", { code: "trainer-lost", retryable: true });
  await expect(runWith(failing(lost))).rejects.toThrow("lost");
  expect(runs).toBe(2 + 11);
});

it("waits for a server that is started after it, and says how long and how not to", async () => {
  const notices: string[] = [];
  const { port, url } = server;
  await server.close();
  const waiting = runWith(() => Promise.resolve("done"), { notices, url });
  await expect.poll(() => notices.length, { timeout: 10_000 }).toBe(1);
  server = await TinkerImitation.start(port);
  expect(await waiting).toBe("done");
  expect(notices[0]).toMatch(
    /nobody listens there.*Waiting for at most 20 s: patience=SECONDS in --trainer.*Ctrl-C/u,
  );
  expect(notices[1]).toContain("answers again");
  expect(notices).toHaveLength(2);
});
