/** The dial: how much help the small model may get (budget), and how readily it asks (bias). */
import { bias, budget, stops } from "../app-state.ts";
import { biasWords, budgetWords } from "../run/budget.ts";

const BIAS_LIMIT = 8;
const BIAS_STEP = 0.5;

export function DialFields() {
  const position = Math.max(0, stops.value.indexOf(budget.value));
  return (
    <fieldset class="dial">
      <legend class="field-name">Dial</legend>
      <Slider
        id="budget"
        name="Budget"
        help="Largest share of the tokens that the big model may write."
        min={0}
        max={stops.value.length - 1}
        step={1}
        value={position}
        words={budgetWords(budget.value)}
        marks={["none", "no cap"]}
        onChange={(value) => (budget.value = stops.value[value] ?? budget.value)}
      />
      <Slider
        id="bias"
        name="Bias"
        help="How readily the small model asks for help, in nats."
        min={-BIAS_LIMIT}
        max={BIAS_LIMIT}
        step={BIAS_STEP}
        value={bias.value}
        words={bias.value === 0 ? biasWords(0) : `${signed(bias.value)}, ${biasWords(bias.value)}`}
        marks={["less", "as trained", "more"]}
        onChange={(value) => (bias.value = value)}
      />
    </fieldset>
  );
}

interface SliderProps {
  readonly id: string;
  readonly name: string;
  readonly help: string;
  readonly min: number;
  readonly max: number;
  readonly step: number;
  readonly value: number;
  /** The value in words, also for screen readers. */
  readonly words: string;
  /** Texts under the slider, evenly spaced. */
  readonly marks: readonly string[];
  readonly onChange: (value: number) => void;
}

function Slider({ id, name, help, min, max, step, value, words, marks, onChange }: SliderProps) {
  return (
    <div class="slider">
      <div class="slider-head">
        <label for={id}>{name}</label>
        <span class="slider-value" aria-hidden="true">
          {words}
        </span>
      </div>
      <input
        id={id}
        type="range"
        min={min}
        max={max}
        step={step}
        value={value}
        aria-valuetext={words}
        aria-describedby={`${id}-help`}
        onInput={(event) => onChange(event.currentTarget.valueAsNumber)}
      />
      <div class="slider-ends" aria-hidden="true">
        {marks.map((mark) => (
          <span key={mark}>{mark}</span>
        ))}
      </div>
      <p id={`${id}-help`} class="help">
        {help}
      </p>
    </div>
  );
}

function signed(value: number): string {
  return value > 0 ? `+${value}` : `−${Math.abs(value)}`;
}
