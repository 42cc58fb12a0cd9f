/**
 * The ServerKind contract: everything that is known about one kind of server. A kind is one file beside this one and its entry in
 * `index.ts`; no other file names it.
 */
import type { HttpTokenizer } from "../tokens/http-tokenizer.ts";
import { stringAt } from "../transport/json-fields.ts";
import type { WireRequest } from "../transport/transport.ts";
import type { Dialect } from "./dialect.ts";

export interface ServerKind extends ServerProtocol {
  /** The name of the kind in an engine spec: `?dialect=NAME`. */
  readonly name: string;
  /** The server's name in help texts and messages. */
  readonly title: string;
  /** The probe: whether a server is of this kind. Called if the spec does not name a kind. */
  readonly recognises: (server: UnknownServer) => boolean | Promise<boolean>;
  /** The protocol for a server that was recognised and not named. Default: the kind's own. */
  readonly whenRecognised?: ServerProtocol;
  /** Asks for facts that the list of models lacks. @param listedContext The context size in that list. */
  readonly describe?: (
    server: UnknownServer,
    listedContext: number | undefined,
  ) => Promise<Partial<ModelDescription>>;
  /** Whether the server has one model and answers to any name. */
  readonly anyModelName?: boolean;
  /** Longest context if the spec names none, although the server may have more. */
  readonly contextLimit?: number;
  /** The request for the ids of a text that may hold control tokens. The answer lists the ids in `tokens`. */
  readonly tokenize?: (model: string, text: string) => WireRequest;
  /** Whether the server itself puts the beginning-of-text marker before a prompt. */
  readonly addsBegin: boolean;
}

/** The way to speak to a server. */
export interface ServerProtocol {
  readonly dialect: (model: ServedModel) => Dialect;
  /** Places of token ids. `both`: requests and answers. `maybe-in`: requests, if the server accepts them. `none`: nowhere. */
  readonly tokenIds: "both" | "maybe-in" | "none";
  /** Opens a tokenizer that asks the server, for a model whose tokenizer.json is not at hand. */
  readonly openTokenizer?: (
    name: string,
    post: PostToServer,
    options: { readonly markers: readonly string[]; readonly endOfTurn: string | undefined },
    signal: AbortSignal | undefined,
  ) => Promise<HttpTokenizer>;
}

/** Sends a document to a path beside `/v1` and returns the answer. @throws EngineError */
export type PostToServer = (path: string, body: unknown, signal: AbortSignal | undefined) => Promise<unknown>;

export interface UnknownServer {
  /** Its list of models (`/v1/models`), undefined if it has no such list. */
  readonly models: readonly unknown[] | undefined;
  /** The document at a path beside `/v1`, or undefined if there is none. */
  readonly ask: (path: string) => Promise<unknown>;
}

export interface ModelDescription {
  /** Tokens that fit into one sequence. */
  readonly contextSize: number | undefined;
  /** The chat template, as Jinja source. */
  readonly chatTemplate: string | undefined;
  /** The marker that ends a turn. */
  readonly endOfTurn: string | undefined;
}

export interface ServedModel {
  /** The server's name for the model. */
  readonly model: string;
  readonly contextSize: number;
  /** Control tokens to show in texts. */
  readonly shown: readonly string[];
  /** Whether ids of tokens are known, so that they can be biased. */
  readonly knowsIds: boolean;
}

/** Makes a probe that compares the owner in the list of models: many servers write their own name there. */
export const ownedBy =
  (owner: string) =>
  ({ models }: UnknownServer): boolean =>
    stringAt(models?.[0], "owned_by") === owner;
