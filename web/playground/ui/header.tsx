import { signal } from "@preact/signals";

import { showTheme, type Theme, THEMES } from "../../shared/theme.ts";
import { info } from "../app-state.ts";

const STORAGE_KEY = "splitreason-theme";

const theme = signal<Theme>(themeOf(document.documentElement.dataset["theme"]));

export function Header() {
  const pair = info.value?.pair;
  return (
    <header class="top">
      <h1 class="brand">
        <svg class="brand-mark" viewBox="0 0 32 20" aria-hidden="true">
          <path class="brand-small" d="M2 4h28M2 16h8M26 16h4" />
          <path class="brand-big" d="M14 16h8" />
        </svg>
        splitreason
      </h1>
      {pair && (
        <dl class="pair">
          <div>
            <dt class="key key-small">small</dt>
            <dd>{pair.small}</dd>
          </div>
          <div>
            <dt class="key key-big">big</dt>
            <dd>{pair.big ?? "none"}</dd>
          </div>
        </dl>
      )}
      <fieldset class="segmented theme">
        <legend class="unseen">Theme</legend>
        {THEMES.map((choice) => (
          <label key={choice}>
            <input
              type="radio"
              name="theme"
              checked={theme.value === choice}
              onChange={() => chooseTheme(choice)}
            />
            <span>{choice === "system" ? "Auto" : choice === "light" ? "Light" : "Dark"}</span>
          </label>
        ))}
      </fieldset>
    </header>
  );
}

function chooseTheme(choice: Theme): void {
  theme.value = choice;
  showTheme(choice);
  try {
    if (choice === "system") localStorage.removeItem(STORAGE_KEY);
    else localStorage.setItem(STORAGE_KEY, choice);
  } catch {
    // Storage is forbidden: the choice lasts as long as the page.
  }
}

function themeOf(text: string | undefined): Theme {
  return text === "light" || text === "dark" ? text : "system";
}
