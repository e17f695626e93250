// Builds an ONNX model node by node. Inputs are float32 unless they say otherwise, outputs
// always; a constant is of the type of its array.

import onnxProto from 'onnx-proto';

const { onnx } = onnxProto;
const { AttributeType } = onnx.AttributeProto;
const { DataType } = onnx.TensorProto;

// Opset 17 and IR version 8 belong together (ONNX 1.12, 2022): old enough for any ONNX Runtime in
// use.
const OPSET = 17;
const IR_VERSION = 8;

/** ONNX's name for what a typed array holds; a Uint16Array holds the bits of half floats. */
const TYPE_OF = new Map([
  [Float32Array, 'FLOAT'], [Uint16Array, 'FLOAT16'], [BigInt64Array, 'INT64'],
  [Int8Array, 'INT8'], [Uint8Array, 'UINT8'], [Int32Array, 'INT32'],
]);

/** JavaScript has one kind of number: a whole one becomes INT, any other FLOAT. */
function attribute(name, value) {
  if (Array.isArray(value)) return { name, type: AttributeType.INTS, ints: value };
  if (Number.isInteger(value)) return { name, type: AttributeType.INT, i: value };
  return { name, type: AttributeType.FLOAT, f: value };
}

/** `dims` holds sizes, and names for dimensions that vary, such as "N" for the batch. */
function valueInfo(name, dims, type = 'FLOAT') {
  const dim = dims.map((d) => (typeof d === 'string' ? { dimParam: d } : { dimValue: d }));
  return { name, type: { tensorType: { elemType: DataType[type], shape: { dim } } } };
}

export class OnnxGraph {
  #graph;

  constructor(name) {
    this.#graph = { name, node: [], initializer: [], input: [], output: [] };
  }

  input(name, dims, type) {
    this.#graph.input.push(valueInfo(name, dims, type));
    return name;
  }

  output(name, dims) {
    this.#graph.output.push(valueInfo(name, dims));
    return name;
  }

  /** A constant: `values` is a typed array, row-major. */
  initializer(name, dims, values) {
    const count = dims.reduce((a, b) => a * b, 1);
    if (values.length !== count) {
      throw new Error(`${name}: ${values.length} values for shape [${dims}]`);
    }
    const rawData = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const dataType = DataType[TYPE_OF.get(values.constructor)];
    this.#graph.initializer.push({ name, dims, dataType, rawData });
    return name;
  }

  /** Appends a node with one output, and returns the output's name so that calls can be chained. */
  node(opType, input, output, attributes = {}) {
    const named = Object.entries(attributes).map(([name, value]) => attribute(name, value));
    this.#graph.node.push({ opType, name: output, input, output: [output], attribute: named });
    return output;
  }

  /** The bytes of the .onnx file; equal graphs give equal bytes. */
  encode() {
    return onnx.ModelProto.encode({
      irVersion: IR_VERSION,
      opsetImport: [{ domain: '', version: OPSET }],
      producerName: 'mimeme',
      graph: this.#graph,
    }).finish();
  }
}
