/** The trace: marked spans, and words underlined by their score. A model's text only goes into text nodes, never into markup. */
import type { PageTrace } from "../../../src/data/stats/page-data.ts";
import { heatLevel, piecesOf } from "./pieces.ts";

export const placeId = (start: number): string => `at-${start}`;

export function TraceText({ trace, withScores }: { trace: PageTrace; withScores: boolean }) {
  return (
    <div class="trace" tabIndex={-1}>
      {piecesOf(trace, withScores).map(({ start, text, span, score }) => {
        const heat = score === undefined ? "" : `word heat-${heatLevel(score)}`;
        const about = [
          span === undefined ? "" : spanTitle(trace, span),
          score === undefined ? "" : `${score.toFixed(2)} nats`,
        ]
          .filter((part) => part !== "")
          .join("; ");
        const title = about === "" ? {} : { title: about };
        return span === undefined ? (
          <span key={start} id={placeId(start)} class={heat} data-start={start} {...title}>
            {text}
          </span>
        ) : (
          <mark key={start} id={placeId(start)} class={heat} data-start={start} data-span={span} {...title}>
            {text}
          </mark>
        );
      })}
    </div>
  );
}

function spanTitle({ spans }: PageTrace, index: number): string {
  const span = spans[index];
  const parts = [`span ${index + 1} of ${spans.length}`];
  if (span?.score !== undefined) parts.push(`score ${span.score.toFixed(2)}`);
  if (span?.edits !== undefined) parts.push(`found with ${span.edits} edits`);
  return parts.join(", ");
}
