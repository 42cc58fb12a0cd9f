/** The left column: the problem, the dial, and the button. */
import {
  canRun,
  chooseExample,
  info,
  infoFailure,
  layout,
  loadInfo,
  problem,
  running,
  startRuns,
  stopRuns,
} from "../app-state.ts";
import { DialFields } from "./dial.tsx";
import { KeyField } from "./key-field.tsx";
import { Notice } from "./notice.tsx";
import { MoreFields } from "./options.tsx";

export function Composer() {
  const examples = info.value?.examples ?? [];
  return (
    <form
      class="composer"
      aria-label="Problem and settings"
      onSubmit={(event) => {
        event.preventDefault();
        if (running.value) stopRuns();
        else startRuns();
      }}
    >
      {infoFailure.value && (
        <Notice failure={infoFailure.value} action="Try again" onAction={() => void loadInfo()} />
      )}
      <KeyField />
      <div class="field">
        <label class="field-name" for="problem">
          Problem
        </label>
        <textarea
          id="problem"
          class="problem"
          rows={5}
          maxLength={100_000}
          spellcheck={false}
          value={problem}
          onInput={(event) => (problem.value = event.currentTarget.value)}
          onKeyDown={runOnEnter}
        />
        {examples.length > 0 && <Examples examples={examples} />}
      </div>
      <DialFields />
      <MoreFields />
      <div class="go">
        <fieldset class="segmented">
          <legend class="unseen">What to run</legend>
          <LayoutChoice value="split" title="Split" />
          <LayoutChoice value="compare" title="Side by side" />
        </fieldset>
        {running.value ? (
          <button key="stop" type="submit" class="button button-stop">
            Stop <kbd>Esc</kbd>
          </button>
        ) : (
          <button key="run" type="submit" class="button button-run" disabled={!canRun.value}>
            Run <kbd>Enter</kbd>
          </button>
        )}
      </div>
    </form>
  );
}

function Examples({ examples }: { examples: readonly { title: string; problem: string }[] }) {
  return (
    <ul class="examples" aria-label="Example problems">
      {examples.map(({ title, problem: text }) => (
        <li key={title}>
          <button
            type="button"
            class="chip"
            aria-pressed={problem.value === text}
            onClick={() => chooseExample(text)}
          >
            {title}
          </button>
        </li>
      ))}
    </ul>
  );
}

function LayoutChoice({ value, title }: { value: "split" | "compare"; title: string }) {
  return (
    <label>
      <input
        type="radio"
        name="layout"
        checked={layout.value === value}
        onChange={() => (layout.value = value)}
      />
      <span>{title}</span>
    </label>
  );
}

/** Enter runs, Shift+Enter starts a new line. While an input method composes, Enter belongs to it. */
function runOnEnter(event: KeyboardEvent): void {
  if (event.key !== "Enter" || event.shiftKey || event.ctrlKey || event.metaKey || event.isComposing) return;
  event.preventDefault();
  startRuns();
}
