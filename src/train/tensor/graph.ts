/**
 * Builds one ONNX graph, node by node, with static shapes. Knows names, types and the file format; knows nothing of
 * gradients (see `tape.ts`) and does not check that a node's shapes are those that the operator gives.
 *
 * Source: onnx/onnx.proto (IR version 8); field numbers are those of that file.
 */
import { TrainError } from "../../core/errors.ts";
import { ProtobufMessage } from "../../formats/protobuf.ts";

export type Shape = readonly number[];
export type ElementType = "float32" | "int64" | "bool";

/** One tensor of the graph. */
export interface Value {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: Shape;
}

/** A whole number is an INT attribute, a list of them INTS; a FLOAT has to say so. */
type Attribute = number | readonly number[] | string | { readonly float: number };

export interface NodeOptions {
  readonly attributes?: Readonly<Record<string, Attribute>>;
  /** Operator set; the standard one by default. */
  readonly domain?: "" | "com.microsoft";
}

const ELEMENT_TYPE = { float32: 1, int64: 7, bool: 9 } as const satisfies Record<ElementType, number>;
const STANDARD_OPSET = 18;
const MICROSOFT_OPSET = 1;

export const elementCount = (shape: Shape): number => shape.reduce((product, size) => product * size, 1);

interface Node {
  readonly message: ProtobufMessage;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

export class GraphBuilder {
  readonly #nodes: Node[] = [];
  readonly #constants: { readonly name: string; readonly message: ProtobufMessage }[] = [];
  readonly #inputs: Value[] = [];
  readonly #outputs: Value[] = [];
  readonly #sharedConstants = new Map<string, Value>();
  #nextId = 0;

  get inputs(): readonly Value[] {
    return this.#inputs;
  }

  get outputs(): readonly Value[] {
    return this.#outputs;
  }

  get nodeCount(): number {
    return this.#nodes.length;
  }

  input(name: string, type: ElementType, shape: Shape): Value {
    const value: Value = { name, type, shape };
    this.#inputs.push(value);
    return value;
  }

  /** `data` is kept by reference until {@link build}. */
  constant(data: Float32Array | BigInt64Array, shape: Shape): Value {
    if (data.length !== elementCount(shape)) {
      throw new TrainError(`constant: ${data.length} elements do not fill the shape [${shape.join(", ")}].`, {
        code: "internal",
      });
    }
    const type = data instanceof Float32Array ? "float32" : "int64";
    const value: Value = { name: this.#freshName("constant"), type, shape };
    const tensor = new ProtobufMessage();
    for (const size of shape) tensor.integer(1, size);
    tensor.integer(2, ELEMENT_TYPE[type]).string(8, value.name);
    tensor.bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    this.#constants.push({ name: value.name, message: tensor });
    return value;
  }

  /** A float scalar, shared between its uses. */
  scalar(value: number): Value {
    return this.#shared(`scalar ${value}`, () => this.constant(new Float32Array([value]), []));
  }

  /** A one-dimensional int64 constant (axes, shapes), shared between its uses. */
  integers(values: readonly number[]): Value {
    return this.#shared(`integers ${values.join(",")}`, () =>
      this.constant(BigInt64Array.from(values, BigInt), [values.length]),
    );
  }

  /** A vector of ones, shared between its uses. */
  ones(length: number): Value {
    return this.#shared(`ones ${length}`, () => this.constant(new Float32Array(length).fill(1), [length]));
  }

  /** A node with one output. An `undefined` input is an optional one left out. */
  node(
    operator: string,
    inputs: readonly (Value | undefined)[],
    shape: Shape,
    options: NodeOptions & { readonly type?: ElementType } = {},
  ): Value {
    const output: Value = { name: this.#freshName(operator), type: options.type ?? "float32", shape };
    this.#addNode(operator, inputs, [output], options);
    return output;
  }

  /** A node with several outputs of one type. */
  nodeMany(
    operator: string,
    inputs: readonly Value[],
    shapes: readonly Shape[],
    options: NodeOptions & { readonly type?: ElementType } = {},
  ): Value[] {
    const outputs = shapes.map((shape): Value => {
      return { name: this.#freshName(operator), type: options.type ?? "float32", shape };
    });
    this.#addNode(operator, inputs, outputs, options);
    return outputs;
  }

  /** Makes `value` an output of the graph under `name`. */
  output(name: string, value: Value): void {
    const named: Value = { ...value, name };
    this.#addNode("Identity", [value], [named], {});
    this.#outputs.push(named);
  }

  /** Makes `value` an output under its own name, without a copy. */
  expose(value: Value): void {
    this.#outputs.push(value);
  }

  /** The finished model file. Nodes that no output needs are left out: onnxruntime would run them. */
  build(): Uint8Array {
    const graph = new ProtobufMessage();
    const { nodes, used } = this.#needed();
    for (const { message } of nodes) graph.message(1, message);
    graph.string(2, "splitreason");
    for (const { name, message } of this.#constants) if (used.has(name)) graph.message(5, message);
    for (const input of this.#inputs) graph.message(11, valueInfo(input));
    for (const output of this.#outputs) graph.message(12, valueInfo(output));
    return new ProtobufMessage()
      .integer(1, 8)
      .message(8, new ProtobufMessage().string(1, "").integer(2, STANDARD_OPSET))
      .message(8, new ProtobufMessage().string(1, "com.microsoft").integer(2, MICROSOFT_OPSET))
      .message(7, graph)
      .finish();
  }

  #needed(): { readonly nodes: readonly Node[]; readonly used: ReadonlySet<string> } {
    const used = new Set(this.#outputs.map(({ name }) => name));
    const nodes = this.#nodes.toReversed().filter(({ inputs, outputs }) => {
      const isUsed = outputs.some((name) => used.has(name));
      if (isUsed) for (const name of inputs) used.add(name);
      return isUsed;
    });
    return { nodes: nodes.toReversed(), used };
  }

  #addNode(
    operator: string,
    inputs: readonly (Value | undefined)[],
    outputs: readonly Value[],
    options: NodeOptions,
  ): void {
    const node = new ProtobufMessage();
    const [inputNames, outputNames] = [
      inputs.map((input) => input?.name ?? ""),
      outputs.map(({ name }) => name),
    ];
    for (const name of inputNames) node.string(1, name);
    for (const name of outputNames) node.string(2, name);
    node.string(3, `${operator} ${this.#nodes.length}`).string(4, operator);
    for (const [name, value] of Object.entries(options.attributes ?? {}))
      node.message(5, attribute(name, value));
    if (options.domain) node.string(7, options.domain);
    this.#nodes.push({ message: node, inputs: inputNames, outputs: outputNames });
  }

  #shared(key: string, make: () => Value): Value {
    const known = this.#sharedConstants.get(key);
    if (known) return known;
    const made = make();
    this.#sharedConstants.set(key, made);
    return made;
  }

  #freshName(prefix: string): string {
    return `${prefix}_${this.#nextId++}`;
  }
}

function attribute(name: string, value: Attribute): ProtobufMessage {
  const message = new ProtobufMessage().string(1, name);
  if (typeof value === "number") return message.integer(3, value).integer(20, 2);
  if (typeof value === "string") return message.string(4, value).integer(20, 3);
  if ("float" in value) return message.float(2, value.float).integer(20, 1);
  for (const item of value) message.integer(8, item);
  return message.integer(20, 7);
}

function valueInfo(value: Value): ProtobufMessage {
  const shape = new ProtobufMessage();
  for (const size of value.shape) shape.message(1, new ProtobufMessage().integer(1, size));
  const tensorType = new ProtobufMessage().integer(1, ELEMENT_TYPE[value.type]).message(2, shape);
  return new ProtobufMessage().string(1, value.name).message(2, new ProtobufMessage().message(1, tensorType));
}
