/** One trace: who wrote what, and whether it is right. A model's text only goes into text nodes, never into markup. */
import { duration } from "../../../src/core/figures.ts";
import type { PageSegment, PageTrace } from "../../../src/eval/report/page-data.ts";
import { count, percent, ratio } from "../../shared/format.ts";

export interface TraceCardProps {
  readonly trace: PageTrace;
  readonly label: string;
  /** Whether there are several samples of the arm. */
  readonly several: boolean;
}

export function TraceCard({ trace, label, several }: TraceCardProps) {
  const { correct, answer, error, degraded, segments, sample } = trace;
  const name = several ? `${label}, sample ${sample + 1}` : label;
  return (
    <article class={correct ? "trace-card is-right" : "trace-card is-wrong"} aria-label={name}>
      <h3>
        <span class="trace-name">{name}</span>
        <span class="verdict">{correct ? "✓ right" : "✗ wrong"}</span>
      </h3>
      <p class="muted small">{about(trace)}</p>
      <p class="small answer">{answer === null ? "no answer" : `answer: ${answer}`}</p>
      {error !== undefined && <p class="small failure">failed: {error}</p>}
      {degraded !== undefined && <p class="small failure">the big model was lost: {degraded}</p>}
      <div class="trace" tabIndex={0} role="group" aria-label={`Trace of ${name}`}>
        {segments.map((segment, index) => (
          <Piece key={index} segment={segment} />
        ))}
      </div>
    </article>
  );
}

function Piece({ segment: { author, own, text, cut } }: { segment: PageSegment }) {
  return (
    <>
      {author === "big" ? (
        <mark class="by-big">{text}</mark>
      ) : (
        <span class={own === true ? "by-small own" : "by-small"}>{text}</span>
      )}
      {cut !== undefined && <span class="cut"> [… {count(cut)} characters left out …] </span>}
    </>
  );
}

function about({ smallTokens, bigTokens, wallMs, finishReason }: PageTrace): string {
  const all = smallTokens + bigTokens;
  return [
    `${count(all)} tokens`,
    `big ${percent(ratio(bigTokens, all))}`,
    ...(wallMs === undefined ? [] : [duration(wallMs)]),
    finishReason,
  ].join(" · ");
}
