/** The three ways to solve one problem that the page shows beside each other. */

export type LaneId = "small" | "split" | "big";

export const LANE_TITLES: Readonly<Record<LaneId, string>> = {
  small: "Small alone",
  split: "Split",
  big: "Big alone",
};

export const SIDE_BY_SIDE: readonly LaneId[] = ["small", "split", "big"];
