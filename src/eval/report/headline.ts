/** One sentence on what a run says about the method. It claims no more than the intervals do. */
import { finePercent, percent, points } from "../../core/figures.ts";
import type { ArmComparison, EvaluationSummary } from "../summary-schema.ts";

const METHOD = "learned";
const CEILING = "big";

/** Undefined without the method's arm or a control. */
export function headline({ arms, comparisons, control }: EvaluationSummary): string | undefined {
  const method = arms.find(({ name }) => name === METHOD);
  const against = (name: string | undefined): ArmComparison | undefined =>
    comparisons.find(({ first, second }) => first === METHOD && second === name);
  const gain = against(control);
  if (method === undefined || gain === undefined) return undefined;
  const random = comparisons.find(({ first, second }) => first === METHOD && second === `random~${METHOD}`);
  const ceiling = against(CEILING);
  const [low, high] = method.ci95;
  return [
    `${METHOD} gets ${percent(method.accuracy)} right (95%: ${percent(low)} to ${percent(high)}) with ${finePercent(method.offloadShare)} of the tokens by the big model: `,
    `${differs(gain)} the best control, ${gain.second}`,
    random === undefined ? "" : `; ${differs(random)} random offloading of as many tokens`,
    ceiling === undefined ? "" : `; ${differs(ceiling)} the big model alone`,
    ".",
  ].join("");
}

/** `88.5 points (86.2 to 90.3) above`, or that the interval contains 0. */
function differs({ difference, ci95: [low, high] }: ArmComparison): string {
  const magnitude = (value: number): string => (100 * Math.abs(value)).toFixed(1);
  if (low > 0) return `${magnitude(difference)} points (${magnitude(low)} to ${magnitude(high)}) above`;
  if (high < 0) return `${magnitude(difference)} points (${magnitude(high)} to ${magnitude(low)}) below`;
  return `no clear difference (${points(difference)} points, ${points(low)} to ${points(high)}) from`;
}
