import type { DType } from '../types.js';
import { ModelError } from './model-error.js';
import { type Int64, onnx, toNumber } from './proto.js';
import { decodeMessage, dtypeOfCode, readTensor, type StoredTensor, type TensorFields } from './read-tensor.js';

/** An ONNX file as plain data. Names are the model's own and are not safe as identifiers. */
export interface OnnxModel {
  readonly file: string;
  readonly producer: string;
  /** Version of the default operator set. */
  readonly opset: number;
  readonly graph: OnnxGraph;
}

export interface OnnxGraph {
  readonly name: string;
  /** Run-time inputs; initializers that old models list as inputs too are left out. */
  readonly inputs: readonly OnnxTensorInfo[];
  readonly outputs: readonly OnnxOutput[];
  readonly initializers: readonly StoredTensor[];
  readonly nodes: readonly OnnxNode[];
}

/** A result; models need not say its type. */
export interface OnnxOutput {
  readonly name: string;
  readonly dtype: DType | undefined;
  readonly shape: OnnxTensorInfo['shape'];
}

export interface OnnxTensorInfo {
  readonly name: string;
  readonly dtype: DType;
  /** Dimensions: numbers, named symbols, or null where nothing is said; undefined where not even the rank is. */
  readonly shape: readonly (number | string | null)[] | undefined;
}

export interface OnnxNode {
  readonly op: string;
  readonly domain: string;
  /** For messages: the node's name, or its place and first output. */
  readonly label: string;
  /** Empty for an absent optional input. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, OnnxAttribute>;
}

/** What each kind of attribute holds; `unsupported` says what was found instead. */
export interface AttributeValues {
  readonly int: number;
  readonly float: number;
  readonly string: string;
  readonly ints: readonly number[];
  readonly floats: readonly number[];
  readonly strings: readonly string[];
  readonly tensor: StoredTensor;
  readonly unsupported: string;
}
export type OnnxAttribute = {
  readonly [K in keyof AttributeValues]: { readonly kind: K; readonly value: AttributeValues[K] };
}[keyof AttributeValues];

/**
 * Reads a model file. Weights stay where they are (in the file's bytes or in external files) until they are loaded.
 *
 * @throws {ModelError} for a file that is not a whole ONNX model, or tensors whose data does not fit their shape
 */
export function readModel(file: string): OnnxModel {
  const proto = decodeMessage(file, 'model', (bytes) => onnx.ModelProto.decode(bytes));
  const graph = proto.graph;
  const opsets = proto.opsetImport ?? [];
  if (!graph && opsets.length === 0 && Number(proto.irVersion ?? 0) === 0)
    throw new ModelError(file, undefined, 'is not an ONNX model (it has neither a graph nor an operator set)');
  if (!graph || ((graph.node ?? []).length === 0 && (graph.output ?? []).length === 0))
    throw new ModelError(file, undefined, 'holds an empty graph');
  if ((graph.output ?? []).length === 0) throw new ModelError(file, undefined, 'has no outputs');
  if ((proto.functions ?? []).length > 0)
    throw new ModelError(file, undefined, 'holds model-local functions; inline them when exporting');
  for (const name of namesOf(graph as GraphFields))
    if (name.length > LONGEST_NAME)
      throw new ModelError(
        file,
        undefined,
        `holds a name of ${name.length} characters, ${JSON.stringify(name.slice(0, 40))} and so on; at most ${LONGEST_NAME} are accepted`,
      );
  const opset = opsets.find(({ domain }) => isDefaultDomain(domain ?? ''))?.version;
  if (opset === undefined || opset === null)
    throw new ModelError(file, undefined, 'says no version of the default operator set (opset_import)');

  const initializers = (graph.initializer ?? []).map((tensor) => readTensor(tensor as TensorFields, file));
  if ((graph.sparseInitializer ?? []).length > 0)
    throw new ModelError(file, undefined, 'holds sparse initializers, which are not supported');
  const stored = new Set(initializers.map(({ name }) => name));
  return {
    file,
    producer: proto.producerName ?? '',
    opset: toNumber(opset as Int64),
    graph: {
      name: graph.name ?? '',
      inputs: (graph.input ?? [])
        .filter(({ name }) => !stored.has(name ?? ''))
        .map((info) => tensorInfo(info as InfoFields, 'input', file)),
      outputs: (graph.output ?? []).map((info) =>
        info.type ? tensorInfo(info as InfoFields, 'output', file) : untyped(info.name ?? ''),
      ),
      initializers,
      nodes: (graph.node ?? []).map((node, index) => readNode(node as NodeFields, index, file)),
    },
  };
}

/** Names go into diagnostics, reports and manifests, many times each. Exporters make paths of modules, of some hundred characters. */
const LONGEST_NAME = 4096;

interface GraphFields {
  readonly node?: readonly NodeFields[] | null;
  readonly initializer?: readonly TensorFields[] | null;
  readonly input?: readonly InfoFields[] | null;
  readonly output?: readonly InfoFields[] | null;
}

/** Every string of a graph that may end up in a message or a generated file. */
function* namesOf({ node, initializer, input, output }: GraphFields): Iterable<string> {
  for (const { name, opType, domain, input: from, output: to, attribute } of node ?? []) {
    yield* [name ?? '', opType ?? '', domain ?? '', ...(from ?? []), ...(to ?? [])];
    for (const { name: key, t } of attribute ?? []) yield* [key ?? '', t?.name ?? ''];
  }
  for (const { name, externalData } of initializer ?? []) {
    yield name ?? '';
    for (const { value } of externalData ?? []) yield value ?? '';
  }
  for (const { name, type } of [...(input ?? []), ...(output ?? [])]) {
    yield name ?? '';
    for (const { dimParam } of type?.tensorType?.shape?.dim ?? []) yield dimParam ?? '';
  }
}

const untyped = (name: string): OnnxOutput => ({ name, dtype: undefined, shape: undefined });

export const isDefaultDomain = (domain: string): boolean => domain === '' || domain === 'ai.onnx';

interface InfoFields {
  readonly name?: string | null;
  readonly type?: {
    readonly tensorType?: {
      readonly elemType?: number | null;
      readonly shape?: {
        readonly dim?: readonly { readonly dimValue?: Int64 | null; readonly dimParam?: string | null }[] | null;
      } | null;
    } | null;
  } | null;
}

function tensorInfo(info: InfoFields, role: string, file: string): OnnxTensorInfo {
  const name = info.name ?? '';
  const what = `${role} '${name}'`;
  const fail = (reason: string): never => {
    throw new ModelError(file, what, reason);
  };
  const tensor = info.type?.tensorType;
  if (!tensor) return fail('is not a tensor (sequences, maps and optionals are not supported)');
  const shape = tensor.shape?.dim?.map((dim) => {
    if (dim.dimParam) return dim.dimParam;
    const size = dim.dimValue === undefined || dim.dimValue === null ? null : toNumber(dim.dimValue);
    // protobuf's default for an unset oneof reads as 0; a negative size is some exporters' "unknown".
    return size === null || size < 0 || (size === 0 && !Object.hasOwn(dim, 'dimValue')) ? null : size;
  });
  return {
    name,
    dtype: dtypeOfCode(tensor.elemType ?? 0, fail),
    shape: tensor.shape ? (shape ?? []) : undefined,
  };
}

interface NodeFields {
  readonly opType?: string | null;
  readonly domain?: string | null;
  readonly name?: string | null;
  readonly input?: readonly string[] | null;
  readonly output?: readonly string[] | null;
  readonly attribute?: readonly AttributeFields[] | null;
}

function readNode(node: NodeFields, index: number, file: string): OnnxNode {
  const op = node.opType ?? '';
  const outputs = node.output ?? [];
  const name = node.name || (outputs[0] ? `node ${index} -> ${outputs[0]}` : `node ${index}`);
  const label = `${name} (${op})`;
  return {
    op,
    domain: node.domain ?? '',
    label,
    inputs: node.input ?? [],
    outputs,
    attributes: new Map((node.attribute ?? []).map((a) => [a.name ?? '', readAttribute(a, file)])),
  };
}

interface AttributeFields {
  readonly name?: string | null;
  readonly type?: number | null;
  readonly i?: Int64 | null;
  readonly f?: number | null;
  readonly s?: Uint8Array | null;
  readonly t?: TensorFields | null;
  readonly ints?: readonly Int64[] | null;
  readonly floats?: readonly number[] | null;
  readonly strings?: readonly Uint8Array[] | null;
}

const utf8 = new TextDecoder();
/** AttributeProto.AttributeType codes. */
const READ_ATTRIBUTE: Readonly<Record<number, (a: AttributeFields, file: string) => OnnxAttribute>> = {
  1: (a) => ({ kind: 'float', value: a.f ?? 0 }),
  2: (a) => ({ kind: 'int', value: toNumber(a.i ?? 0) }),
  3: (a) => ({ kind: 'string', value: utf8.decode(a.s ?? new Uint8Array()) }),
  4: (a, file) =>
    a.t?.dataType === STRING_TENSOR
      ? { kind: 'unsupported', value: 'a tensor of strings' }
      : { kind: 'tensor', value: readTensor(a.t ?? {}, file) },
  5: () => ({ kind: 'unsupported', value: 'a subgraph' }),
  6: (a) => ({ kind: 'floats', value: [...(a.floats ?? [])] }),
  7: (a) => ({ kind: 'ints', value: (a.ints ?? []).map(toNumber) }),
  8: (a) => ({ kind: 'strings', value: (a.strings ?? []).map((s) => utf8.decode(s)) }),
};
const STRING_TENSOR = 8;

function readAttribute(attribute: AttributeFields, file: string): OnnxAttribute {
  const read = READ_ATTRIBUTE[attribute.type ?? 0];
  return read ? read(attribute, file) : { kind: 'unsupported', value: `an attribute of kind ${attribute.type ?? 0}` };
}
