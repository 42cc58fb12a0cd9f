/** Settings that are rarely changed, in a disclosure. */
import type { Signal } from "@preact/signals";

import { info, maxTokensText, seedText, temperatureText } from "../app-state.ts";
import { CopyCurl } from "./copy-curl.tsx";

export function MoreFields() {
  const defaults = info.value?.defaults;
  return (
    <details class="more">
      <summary>Sampling and request</summary>
      <div class="more-fields">
        <NumberField
          id="temperature"
          name="Temperature"
          text={temperatureText}
          hint={hint(defaults?.temperature)}
          min={0}
          max={2}
          step="0.1"
        />
        <NumberField
          id="max-tokens"
          name="Max. tokens"
          text={maxTokensText}
          hint={hint(defaults?.maxTokens)}
          min={1}
          max={1_000_000}
          step="1"
        />
        <NumberField id="seed" name="Seed" text={seedText} hint="random" min={0} max={2 ** 32 - 1} step="1" />
      </div>
      <CopyCurl />
    </details>
  );
}

interface NumberFieldProps {
  readonly id: string;
  readonly name: string;
  readonly text: Signal<string>;
  readonly hint: string;
  readonly min: number;
  readonly max: number;
  readonly step: string;
}

function NumberField({ id, name, text, hint: placeholder, min, max, step }: NumberFieldProps) {
  return (
    <div>
      <label for={id}>{name}</label>
      <input
        id={id}
        class="text"
        type="number"
        inputMode="decimal"
        min={min}
        max={max}
        step={step}
        placeholder={placeholder}
        value={text}
        onInput={(event) => (text.value = event.currentTarget.value)}
      />
    </div>
  );
}

function hint(value: number | null | undefined): string {
  return value === undefined || value === null ? "default" : String(value);
}
