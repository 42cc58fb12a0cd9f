/** The whole trace as a strip: word scores as colours, spans as bars below. A click goes to that place. */
import type { PageTrace } from "../../../src/data/stats/page-data.ts";
import { heatLevel, heatLine } from "./pieces.ts";

const BINS = 250;
const WIDTH = 1000;
const HEAT_HEIGHT = 36;
const SPAN_TOP = HEAT_HEIGHT + 4;
const HEIGHT = SPAN_TOP + 10;
const TOP_SCORE = 4;

export function HeatStrip({ trace, onGo }: { trace: PageTrace; onGo: (offset: number) => void }) {
  const length = Math.max(1, trace.trace.length);
  const x = (offset: number): number => (offset / length) * WIDTH;
  const go = (event: MouseEvent): void => {
    if (!(event.currentTarget instanceof Element)) return;
    const box = event.currentTarget.getBoundingClientRect();
    onGo(Math.floor(((event.clientX - box.left) / box.width) * length));
  };
  const hasScores = trace.scores !== undefined;
  return (
    <div class="strip">
      <svg
        viewBox={hasScores ? `0 0 ${WIDTH} ${HEIGHT}` : `0 ${SPAN_TOP - 2} ${WIDTH} ${HEIGHT - SPAN_TOP + 2}`}
        preserveAspectRatio="none"
        class={hasScores ? "tall" : "flat"}
        role="img"
        aria-label={`${trace.spans.length} spans${hasScores ? " and the score of every word" : ""} along the trace`}
        onClick={go}
      >
        {hasScores &&
          heatLine(trace, BINS).map((score, bin) =>
            score === undefined || score <= 0 ? null : (
              <rect
                key={bin}
                class={`heat heat-${heatLevel(score)}`}
                x={(bin * WIDTH) / BINS}
                width={WIDTH / BINS}
                y={HEAT_HEIGHT * (1 - Math.min(1, score / TOP_SCORE))}
                height={HEAT_HEIGHT * Math.min(1, score / TOP_SCORE)}
              />
            ),
          )}
        <rect class="strip-ground" x={0} y={SPAN_TOP} width={WIDTH} height={10} />
        {trace.spans.map(({ start, end }) => (
          <rect
            key={start}
            class="strip-span"
            x={x(start)}
            y={SPAN_TOP}
            width={Math.max(2, x(end) - x(start))}
            height={10}
          />
        ))}
      </svg>
      {hasScores && (
        <p class="muted small">
          Scores, from 0 to {TOP_SCORE} nats and more, the highest word of each stretch; below it the spans.
          Click to go there.
        </p>
      )}
    </div>
  );
}
