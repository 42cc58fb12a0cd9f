/**
 * Export: annotated traces in the forms of TRL and SkyRL, so that they are of use without us. It converts rows; reading and writing them is the readers' and
 * writers' matter.
 */
export {
  conversation,
  type ExportForm,
  oncePerProblem,
  skyrlPrompts,
  trlConversation,
  trlPrompts,
} from "./formats.ts";
export { renderedForm, tokenForm, type TurnTemplate } from "./rendered.ts";
