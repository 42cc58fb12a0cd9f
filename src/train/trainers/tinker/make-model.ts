/**
 * Makes a model on a server that may have no room. SkyRL's fsdp backend holds one policy model, its megatron backend adapters of one rank.
 * The model of a killed client stays until its session has been silent for 300 s (`session_timeout_sec`).
 */
import { TrainError } from "../../../core/errors.ts";
import { type ModelChoice, TinkerModel } from "./model.ts";
import type { Attempt } from "./patience.ts";
import type { TinkerSession } from "./session.ts";
import type { TinkerTransport } from "./transport.ts";

/** SkyRL's answers to `create_model` while another model is in the way. The second is fsdp's for a second adapter. */
const IN_THE_WAY =
  /already has a '\w+' model|register_adapter|register an additional LoRA adapter|LoRA signature mismatch/u;
const REASON =
  "it still holds another model; one that a killed run left there goes after about six minutes, with its session";

export interface MadeModel {
  readonly model: TinkerModel;
  readonly session: TinkerSession;
}

/**
 * Waits for room, as long as patience lasts.
 * @param reopen Opens another session. If the answer to a request was lost, the model in the way may be our own, and our heartbeats would
 * keep it there.
 */
export async function makeModel(
  transport: TinkerTransport,
  session: TinkerSession,
  choice: ModelChoice,
  reopen: () => Promise<TinkerSession>,
): Promise<MadeModel> {
  let current = session;
  const once = async (): Promise<Attempt<TinkerModel>> => {
    let isRepeated = false;
    const noted = (): void => {
      isRepeated = true;
    };
    try {
      return { type: "answer", answer: await TinkerModel.create(transport, current, choice, noted) };
    } catch (error) {
      if (!(error instanceof TrainError) || !IN_THE_WAY.test(error.message)) throw error;
      if (isRepeated) {
        current.close();
        current = await reopen();
      }
      return { type: "again", reason: REASON };
    }
  };
  try {
    // The server does answer, so this outage is not that of its requests.
    const model = await transport.patience.repeat("/create_model", once, transport.patience.outage());
    return { model, session: current };
  } catch (error) {
    current.close();
    throw error;
  }
}
