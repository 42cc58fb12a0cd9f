/** An overview of right and wrong answers: one row for each arm, one column for each problem. A click goes to the problem. */
import type { ReportArm } from "../../../src/eval/report/document.ts";
import type { PageProblem } from "../../../src/eval/report/page-data.ts";
import { counted } from "../../shared/format.ts";
import { rightShare } from "./select.ts";

const WIDTH = 1000;
const HEIGHT = 14;

export interface OutcomesProps {
  readonly arms: readonly { readonly arm: ReportArm; readonly place: number }[];
  readonly problems: readonly PageProblem[];
  readonly current: number;
  readonly onGo: (problem: number) => void;
}

export function Outcomes({ arms, problems, current, onGo }: OutcomesProps) {
  const step = WIDTH / Math.max(1, problems.length);
  const go = (event: MouseEvent): void => {
    if (!(event.currentTarget instanceof Element)) return;
    const box = event.currentTarget.getBoundingClientRect();
    const at = Math.floor(((event.clientX - box.left) / box.width) * problems.length);
    onGo(Math.max(0, Math.min(problems.length - 1, at)));
  };
  const gap = Math.min(2, step * 0.15);
  return (
    <div class="outcomes">
      {arms.map(({ arm, place }) => {
        const shares = problems.map((problem) => rightShare(problem, place));
        const right = shares.filter((share) => (share ?? 0) >= 0.5).length;
        return (
          <div key={arm.label} class="outcome-row">
            <span class="outcome-name">{arm.label}</span>
            <svg
              viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
              preserveAspectRatio="none"
              role="img"
              aria-label={`${arm.label}: ${right} of ${counted(problems.length, "problem")} right`}
              onClick={go}
            >
              {shares.map((_, index) => (
                <rect
                  key={index}
                  class={index === current ? "outcome current" : "outcome"}
                  x={index * step + gap / 2}
                  width={step - gap}
                  y={0}
                  height={HEIGHT}
                />
              ))}
              {shares.map((share, index) =>
                share === undefined || share === 0 ? null : (
                  <rect
                    key={index}
                    class="outcome-right"
                    x={index * step + gap / 2}
                    width={step - gap}
                    y={HEIGHT * (1 - share)}
                    height={HEIGHT * share}
                  />
                ),
              )}
              {problems.length > 0 && (
                <rect class="outcome-here" x={current * step} width={step} y={0} height={HEIGHT} />
              )}
            </svg>
          </div>
        );
      })}
      <p class="muted small">
        A column is a problem; filled is right, by the share of its samples. Click to go there.
      </p>
    </div>
  );
}
