import { useState } from "preact/hooks";

import { showTheme, type Theme, THEMES } from "./theme.ts";

/** Cycles through the system's theme, light and dark. Kept for this page view only: a file has no storage of its own. */
export function ThemeButton() {
  const [theme, setTheme] = useState<Theme>("system");
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? "system";
  const change = (): void => {
    setTheme(next);
    showTheme(next);
  };
  return (
    <button type="button" class="theme" onClick={change} title={`Change to ${next}`}>
      Theme: {theme}
    </button>
  );
}
