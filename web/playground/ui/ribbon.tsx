/** The whole trace as one bar that shows who wrote what. The big model's spans are taller. The counters have the numbers. */
import type { Span } from "../run/tally.ts";

/** Least width of a span, as a share of the bar. A narrower one would be invisible. */
const MIN_WIDTH = 0.004;

export function Ribbon({ spans }: { spans: readonly Span[] }) {
  const all = spans.reduce((sum, span) => sum + span.tokens, 0);
  const bars: { x: number; width: number; author: Span["author"] }[] = [];
  let position = 0;
  for (const span of spans) {
    const width = span.tokens / all;
    bars.push({ x: position, width, author: span.author });
    position += width;
  }
  return (
    <svg class="ribbon" viewBox="0 0 1000 12" preserveAspectRatio="none" aria-hidden="true">
      <rect class="ribbon-rest" x="0" y="4" width="1000" height="4" />
      {all > 0 && <rect class="ribbon-small" x="0" y="4" width="1000" height="4" />}
      {bars
        .filter(({ author }) => author === "big")
        .map(({ x, width }) => (
          <rect
            key={x}
            class="ribbon-big"
            x={x * 1000}
            y="0"
            width={Math.max(width, MIN_WIDTH) * 1000}
            height="12"
          />
        ))}
    </svg>
  );
}
