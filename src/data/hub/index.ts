/**
 * The Hugging Face hub: data sets read by range and written in one commit, through the hub's own library. It knows files and repositories; what the rows in them mean is
 * the readers' matter.
 */
export { pushDataset, type PushProgress } from "./push.ts";
