import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { Admission, type Ticket } from "./admission.ts";
import { GatewayError } from "../failures/gateway-error.ts";

const limits = { concurrent: 2, queue: 2, queueTimeoutMs: 60_000 };

async function refusal(entering: Promise<Ticket>): Promise<GatewayError> {
  const error: unknown = await entering.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof GatewayError) return error;
  throw new Error(`no GatewayError but ${String(error)}`);
}

describe("admission", () => {
  it("lets as many in as there are places, then queues in order, then refuses with 429", async () => {
    const admission = new Admission(limits);
    const order: string[] = [];
    const first = await admission.enter();
    const second = await admission.enter();
    const waiting = ["a", "b"].map(async (name) => {
      const ticket = await admission.enter();
      order.push(name);
      return ticket;
    });
    expect([admission.running, admission.waiting]).toEqual([2, 2]);
    const refused = await refusal(admission.enter());
    expect(refused).toMatchObject({ facts: { status: 429, type: "rate_limit_error" } });
    expect(refused.retryAfterSeconds).toBeGreaterThanOrEqual(1);
    first.release();
    first.release();
    expect([admission.running, admission.waiting]).toEqual([2, 1]);
    second.release();
    for (const ticket of await Promise.all(waiting)) ticket.release();
    expect(order).toEqual(["a", "b"]);
    expect([admission.running, admission.waiting]).toEqual([0, 0]);
  });

  it("gives up after the longest wait with 503, and then lets the others pass", async () => {
    let nowMs = 0;
    const clock = { nowMs: () => nowMs, isoNow: () => "" };
    const admission = new Admission({ concurrent: 2, queue: 2, queueTimeoutMs: 20 }, { clock });
    const running = await admission.enter();
    const large = refusal(admission.enter(undefined, 2));
    const small = admission.enter();
    nowMs = 20;
    expect(await large).toMatchObject({ facts: { status: 503, type: "server_error" } });
    const ticket = await small;
    expect(ticket.waitedMs).toBe(20);
    ticket.release();
    running.release();
  });

  it("forgets a client that leaves the queue", async () => {
    const admission = new Admission({ concurrent: 1, queue: 1, queueTimeoutMs: 60_000 });
    const running = await admission.enter();
    const controller = new AbortController();
    const leaving = admission.enter(controller.signal);
    controller.abort();
    await expect(leaving).rejects.toMatchObject({ code: "aborted" });
    expect(admission.waiting).toBe(0);
    await expect(admission.enter(AbortSignal.abort())).rejects.toMatchObject({ code: "aborted" });
    running.release();
    (await admission.enter()).release();
  });

  it("turns all away when it closes, and touches none who run", async () => {
    const admission = new Admission(limits);
    const running = await admission.enter(undefined, 2);
    const waiting = refusal(admission.enter());
    admission.close();
    expect(await waiting).toMatchObject({ facts: { status: 503 } });
    expect(await refusal(admission.enter())).toMatchObject({ facts: { status: 503 }, retryAfterSeconds: 1 });
    expect(admission.running).toBe(1);
    running.release();
    expect(admission.running).toBe(0);
  });

  it("refuses what could never start", async () => {
    expect(await refusal(new Admission(limits).enter(undefined, 3))).toMatchObject({
      facts: { status: 400 },
      param: "n",
    });
  });

  it("never gives out more places than there are, whatever happens, and loses none", async () => {
    const step = fc.record({
      places: fc.integer({ min: 1, max: 3 }),
      leaves: fc.boolean(),
      turns: fc.nat({ max: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30 }), async (steps) => {
        const admission = new Admission({ concurrent: 3, queue: 1_000, queueTimeoutMs: 60_000 });
        let taken = 0;
        let admitted = 0;
        const requests = steps.map(async ({ places, leaves, turns }) => {
          const controller = new AbortController();
          const entering = admission.enter(controller.signal, places);
          if (leaves) queueMicrotask(() => controller.abort());
          const ticket = await entering.catch(() => undefined);
          if (ticket === undefined) return;
          admitted++;
          taken += places;
          expect(taken).toBeLessThanOrEqual(3);
          for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
          taken -= places;
          ticket.release();
        });
        await Promise.all(requests);
        expect([admission.running, admission.waiting, taken]).toEqual([0, 0, 0]);
        expect(admitted).toBeGreaterThanOrEqual(steps.filter(({ leaves }) => !leaves).length);
        (await admission.enter(undefined, 3)).release();
      }),
      { numRuns: 100 },
    );
  });
});
