/** The right part: one column for each way of solving the problem. */
import { useEffect, useRef } from "preact/hooks";

import { lanes, runs } from "../app-state.ts";
import { Lane } from "./lane.tsx";

export function Lanes() {
  const element = useRef<HTMLDivElement>(null);
  useEffect(() => {
    // In one column the lanes are below the settings, so a new run has to be scrolled into view.
    if (runs.value.length > 0) element.current?.scrollIntoView({ block: "start", behavior: "smooth" });
  }, [runs.value]);
  return (
    <div ref={element} class="lanes" data-lanes={lanes.value.length}>
      {lanes.value.map((lane) => (
        <Lane key={lane} lane={lane} run={runs.value.find((run) => run.lane === lane)} />
      ))}
    </div>
  );
}
