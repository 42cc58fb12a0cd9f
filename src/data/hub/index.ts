/**
 * The Hugging Face hub: data sets read by range and written in one commit, through the hub's own library. It knows files and repositories; what the rows in them mean is
 * the readers' matter.
 */
export { type HubAccess, hubAccessFrom } from "./access.ts";
export { type CardOptions, datasetCard } from "./card.ts";
export { openHubFiles } from "./files.ts";
export { pushDataset, type PushOptions, type PushProgress, type PushResult } from "./push.ts";
