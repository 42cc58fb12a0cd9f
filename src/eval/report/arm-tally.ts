/** Counts one arm, row by row. Memory grows by some tens of bytes for each problem and span, never with the texts. */
import { given } from "../../core/given.ts";
import type { ArmSummary } from "../summary-schema.ts";
import type { Measured, ReportArm } from "./document.ts";
import { RatioTally } from "./ratio.ts";
import type { RecordedRow } from "../row.ts";
import { SpanTally } from "./span-tally.ts";

/** If the big model writes at least this share of the tokens, spans are not shown. */
const NEARLY_ALL = 0.999;

export class ArmTally {
  rows = 0;
  right = 0;
  smallTokens = 0;
  bigTokens = 0;
  /** Samples, and right samples, by the number of the problem. */
  readonly samplesP: number[] = [];
  readonly rightP: number[] = [];
  readonly #share = new RatioTally();
  readonly #wallMs = new RatioTally();
  readonly #speed = new RatioTally();
  readonly #smallWork = new RatioTally();
  readonly #bigWork = new RatioTally();
  readonly #spans = new SpanTally();

  /** `problem` is the number of the row's problem, from 0. */
  add(row: RecordedRow, problem: number): void {
    const { usage, segments, wallMs, work, correct } = row;
    this.rows += 1;
    this.smallTokens += usage.smallTokens;
    this.bigTokens += usage.bigTokens;
    while (this.samplesP.length <= problem) {
      this.samplesP.push(0);
      this.rightP.push(0);
    }
    this.samplesP[problem] = (this.samplesP[problem] ?? 0) + 1;
    if (correct) {
      this.right += 1;
      this.rightP[problem] = (this.rightP[problem] ?? 0) + 1;
    }
    this.#share.add(problem, usage.bigTokens, usage.smallTokens + usage.bigTokens);
    if (wallMs !== undefined) {
      this.#wallMs.add(problem, wallMs, 1);
      this.#speed.add(problem, usage.smallTokens + usage.bigTokens, wallMs / 1000);
    }
    if (work !== undefined) {
      this.#smallWork.add(problem, work.small.prefilled + work.small.scored + work.small.decoded, 1);
      this.#bigWork.add(problem, work.big.prefilled + work.big.scored + work.big.decoded, 1);
    }
    this.#spans.add(segments);
  }

  /** Takes intervals of shares, times and operations from the rows, and all else from the summary. */
  finish(summary: ArmSummary, place: Pick<ReportArm, "label" | "run">): ReportArm {
    const { samples, costUsd, compute, firstTokenMs, handoffMs, matched } = summary;
    const outputTokens = summary.smallTokens + summary.bigTokens;
    const share = this.#share.estimate([0, 1]);
    const wallMs = this.#wallMs.estimate();
    const tokensPerSecond = this.#speed.estimate();
    const { drafted = 0, accepted = 0 } = summary.work?.small ?? {};
    const spans = summary.offloadShare >= NEARLY_ALL ? undefined : this.#spans.finish();
    const atK = Object.keys(summary.passAt)
      .map(Number)
      .toSorted((left, right) => right - left)[0];
    return {
      ...place,
      name: summary.name,
      samples,
      accuracy: { value: summary.accuracy, ci95: summary.ci95 },
      share: {
        value: summary.offloadShare,
        ...(share?.ci95 === undefined ? {} : { ci95: share.ci95 }),
      },
      ...given({ wallMs, tokensPerSecond }),
      ...(drafted === 0 ? {} : { draftsTaken: accepted / drafted }),
      ...(firstTokenMs === undefined ? {} : { firstTokenMs: firstTokenMs.mean }),
      ...(costUsd === undefined ? {} : { costUsd: { value: costUsd.perSample, ci95: costUsd.ci95 } }),
      ...(compute === undefined ? {} : { flops: this.#flops(compute) }),
      tokens: outputTokens / Math.max(1, samples),
      discardedShare: outputTokens === 0 ? 0 : summary.discardedTokens / outputTokens,
      handoffs: summary.switches,
      ...(handoffMs === undefined ? {} : { handoffMs: handoffMs.mean }),
      ...(atK === undefined || atK < 2 ? {} : { atK: figuresAt(summary, atK) }),
      failed: summary.failed,
      degraded: summary.degraded,
      ...given({ matched, spans }),
    };
  }

  /** Spreads the summary's operations over the tokens that each model read or drew. */
  #flops({ flopsPerSample, smallFlops, bigFlops }: NonNullable<ArmSummary["compute"]>): Measured {
    const small = this.#smallWork.total();
    const big = this.#bigWork.total();
    const perSmall = small === 0 ? 0 : smallFlops / small;
    const perBig = big === 0 ? 0 : bigFlops / big;
    const interval = this.#smallWork.combined(this.#bigWork, perSmall, perBig).estimate()?.ci95;
    return { value: flopsPerSample, ...(interval === undefined ? {} : { ci95: interval }) };
  }
}

function figuresAt({ passAt, covAt, majAt }: ArmSummary, k: number): NonNullable<ReportArm["atK"]> {
  const [pass, cov, maj] = [passAt[k], covAt?.[k], majAt[k]];
  return {
    k,
    ...given({ pass, cov, maj }),
  };
}
