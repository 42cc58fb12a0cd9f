import { useEffect } from "preact/hooks";

import { announcement, running, startRuns, stopRuns } from "../app-state.ts";
import { Composer } from "./composer.tsx";
import { Header } from "./header.tsx";
import { Lanes } from "./lanes.tsx";

export function App() {
  useEffect(() => {
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
  return (
    <>
      <Header />
      <main class="page">
        <Composer />
        <Lanes />
      </main>
      <p class="unseen" role="status">
        {announcement}
      </p>
    </>
  );
}

/** Ctrl+Enter (Cmd on a Mac) runs and Esc stops, wherever the focus is. Enter alone runs only from the problem's field. */
function onKey(event: KeyboardEvent): void {
  if (event.isComposing) return;
  if (event.key === "Escape" && running.value) {
    event.preventDefault();
    stopRuns();
  } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    startRuns();
  }
}
