import { describe, expect, it } from "vitest";

import { GatewayMetrics } from "./metrics.ts";

const usage = { promptTokens: 7, smallTokens: 10, bigTokens: 2, discardedTokens: 3, switches: 1 };

describe("metrics", () => {
  it("add up", async () => {
    const metrics = new GatewayMetrics();
    const generation = { policy: "learned", finish: "stop", usage, firstTokenMs: 30, handoffsMs: [4, 40] };
    metrics.observeGeneration({ ...generation, degraded: false });
    metrics.observeGeneration({ ...generation, degraded: true, firstTokenMs: undefined });
    metrics.observeRequest({ route: "/v1/chat/completions", status: 200, durationMs: 1_500 });
    metrics.observeQueueWait(20);
    metrics.setEngineHealth("big", "down");
    metrics.setEngineHealth("big", "up");
    const admission = { running: 0, waiting: 0 };
    metrics.watchAdmission(admission);
    Object.assign(admission, { running: 5, waiting: 6 });
    expect(metrics.contentType).toMatch(/^text\/plain; version=0\.0\.4/u);
    const lines = (await metrics.text()).split("\n");
    for (const line of [
      'splitreason_requests_total{route="/v1/chat/completions",status="200"} 1',
      'splitreason_request_seconds_bucket{le="2.5",route="/v1/chat/completions"} 1',
      'splitreason_request_seconds_bucket{le="1",route="/v1/chat/completions"} 0',
      'splitreason_generations_total{policy="learned",finish="stop"} 2',
      "splitreason_prompt_tokens_total 14",
      'splitreason_tokens_total{author="small"} 20',
      'splitreason_tokens_total{author="big"} 4',
      "splitreason_discarded_tokens_total 6",
      "splitreason_switches_total 2",
      "splitreason_degraded_total 1",
      "splitreason_first_token_seconds_count 1",
      "splitreason_handoff_seconds_count 4",
      'splitreason_handoff_seconds_bucket{le="0.005"} 2',
      "splitreason_queue_seconds_count 1",
      'splitreason_engine_state{engine="big",state="up"} 1',
      'splitreason_engine_state{engine="big",state="down"} 0',
      "splitreason_requests_running 5",
      "splitreason_requests_waiting 6",
    ]) {
      expect(lines).toContain(line);
    }
  });

  it("belong to one gateway each", async () => {
    const [one, other] = [new GatewayMetrics({ process: true }), new GatewayMetrics({ process: true })];
    one.observeQueueWait(1);
    expect(await other.text()).toContain("splitreason_queue_seconds_count 0");
    expect(await one.text()).toContain("process_resident_memory_bytes");
  });
});
