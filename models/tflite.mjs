// A reader of TensorFlow Lite files: just enough of the format to see each tensor and operator.
//
// Field numbers (`F`) and enum values are those of tensorflow/lite/schema/schema.fbs. They are part
// of the file format: flatbuffer schemas may only ever append fields, so the numbers below cannot
// change.

import { ByteBuffer } from 'flatbuffers';

const F = {
  Model: { operator_codes: 1, subgraphs: 2, buffers: 4 },
  OperatorCode: { deprecated_builtin_code: 0, builtin_code: 3 },
  SubGraph: { tensors: 0, inputs: 1, outputs: 2, operators: 3 },
  Tensor: { shape: 0, type: 1, buffer: 2, name: 3, quantization: 4 },
  QuantizationParameters: { scale: 2, zero_point: 3 },
  Operator: { opcode_index: 0, inputs: 1, outputs: 2, builtin_options: 4 },
  Buffer: { data: 0 },
  Conv2DOptions: {
    padding: 0, stride_w: 1, stride_h: 2, activation: 3, dilation_w: 4, dilation_h: 5,
  },
  Pool2DOptions: { padding: 0, stride_w: 1, stride_h: 2, filter_w: 3, filter_h: 4, activation: 5 },
  ConcatenationOptions: { axis: 0, activation: 1 },
};

const TENSOR_TYPES = { 0: 'FLOAT32', 2: 'INT32', 3: 'UINT8', 4: 'INT64', 9: 'INT8' };
const OPERATORS = {
  1: 'AVERAGE_POOL_2D', 2: 'CONCATENATION', 3: 'CONV_2D', 9: 'FULLY_CONNECTED', 17: 'MAX_POOL_2D',
  22: 'RESHAPE', 25: 'SOFTMAX', 43: 'SQUEEZE',
};
/** The first buffer is empty in every file: it stands for "known only at run time". */
const NO_BUFFER = 0;
const PADDINGS = ['SAME', 'VALID'];
const ACTIVATIONS = ['NONE', 'RELU', 'RELU_N1_TO_1', 'RELU6', 'TANH', 'SIGN_BIT'];

/** Returns `start`, if `size` bytes follow it: past the end, ByteBuffer just reads zeros. */
function within(bb, start, size) {
  if (start + size > bb.capacity()) throw new Error('something lies past its end');
  return start;
}

/** A flatbuffer table at byte `at`. Fields go by number; an absent one has its default. */
class Table {
  constructor(bb, at) {
    this.bb = bb;
    this.at = within(bb, at, 4);
  }

  /** Position of a field's value, or 0 if absent. A vtable is two uint16s, then one a field. */
  where(field) {
    const offset = this.bb.__offset(this.at, 4 + 2 * field);
    return offset && this.at + offset;
  }

  int8(field, absent = 0) {
    const where = this.where(field);
    return where ? this.bb.readInt8(where) : absent;
  }

  int32(field, absent = 0) {
    const where = this.where(field);
    return where ? this.bb.readInt32(where) : absent;
  }

  string(field) {
    const where = this.where(field);
    return where ? this.bb.__string(where) : '';
  }

  table(field) {
    const where = this.where(field);
    return where ? new Table(this.bb, this.bb.__indirect(where)) : null;
  }

  /** The elements of a vector, each `size` bytes, as read(position of the element). */
  #vector(field, size, read) {
    const where = this.where(field);
    if (!where) return [];
    const length = this.bb.__vector_len(where);
    const start = within(this.bb, this.bb.__vector(where), length * size);
    return Array.from({ length }, (_, i) => read(start + i * size));
  }

  int32s(field) { return this.#vector(field, 4, (p) => this.bb.readInt32(p)); }
  int64s(field) { return this.#vector(field, 8, (p) => Number(this.bb.readInt64(p))); }
  float32s(field) { return this.#vector(field, 4, (p) => this.bb.readFloat32(p)); }
  tables(field) { return this.#vector(field, 4, (p) => new Table(this.bb, this.bb.__indirect(p))); }

  /** A vector of bytes, shared with the file rather than copied: weights are large. */
  bytes(field) {
    const where = this.where(field);
    if (!where) return new Uint8Array();
    const length = this.bb.__vector_len(where);
    const start = within(this.bb, this.bb.__vector(where), length);
    return this.bb.bytes().subarray(start, start + length);
  }
}

const OPTION_READERS = {
  CONV_2D: (o, f = F.Conv2DOptions) => ({
    padding: PADDINGS[o.int8(f.padding)],
    stride: [o.int32(f.stride_h), o.int32(f.stride_w)],
    dilation: [o.int32(f.dilation_h, 1), o.int32(f.dilation_w, 1)],
    activation: ACTIVATIONS[o.int8(f.activation)],
  }),
  AVERAGE_POOL_2D: poolOptions,
  MAX_POOL_2D: poolOptions,
  CONCATENATION: (o, f = F.ConcatenationOptions) => ({
    axis: o.int32(f.axis),
    activation: ACTIVATIONS[o.int8(f.activation)],
  }),
};

function poolOptions(o, f = F.Pool2DOptions) {
  return {
    padding: PADDINGS[o.int8(f.padding)],
    stride: [o.int32(f.stride_h), o.int32(f.stride_w)],
    filter: [o.int32(f.filter_h), o.int32(f.filter_w)],
    activation: ACTIVATIONS[o.int8(f.activation)],
  };
}

function readTensor(table, buffers, index) {
  const quantization = table.table(F.Tensor.quantization);
  const type = table.int8(F.Tensor.type);
  return {
    index,
    name: table.string(F.Tensor.name),
    shape: table.int32s(F.Tensor.shape),
    type: TENSOR_TYPES[type] ?? `type ${type}`,
    scale: quantization?.float32s(F.QuantizationParameters.scale) ?? [],
    zeroPoint: quantization?.int64s(F.QuantizationParameters.zero_point) ?? [],
    data: buffers[table.int32(F.Tensor.buffer, NO_BUFFER)].bytes(F.Buffer.data),
  };
}

function readOperator(table, codes) {
  const name = codes[table.int32(F.Operator.opcode_index)];
  const options = table.table(F.Operator.builtin_options);
  return {
    name,
    inputs: table.int32s(F.Operator.inputs),
    outputs: table.int32s(F.Operator.outputs),
    options: options && OPTION_READERS[name] ? OPTION_READERS[name](options) : {},
  };
}

function operatorName(table) {
  // The code was one byte until TensorFlow 2.4; newer writers fill in both, and the larger holds.
  const code = Math.max(
    table.int8(F.OperatorCode.deprecated_builtin_code), table.int32(F.OperatorCode.builtin_code));
  return OPERATORS[code] ?? `operator ${code}`;
}

/**
 * Parses the bytes of a .tflite file; `file` only names it in errors. Returns { tensors, operators,
 * inputs, outputs } of its one subgraph; operators are in execution order and refer to tensors by
 * index.
 */
export function parseTflite(bytes, file) {
  const bb = new ByteBuffer(bytes);
  if (bytes.length < 8 || !bb.__has_identifier('TFL3')) {
    throw new Error(`${file}: not a TensorFlow Lite file`);
  }
  try {
    const model = new Table(bb, bb.__indirect(0));
    const subgraphs = model.tables(F.Model.subgraphs);
    if (subgraphs.length !== 1) throw new Error(`expected one subgraph, found ${subgraphs.length}`);
    const [graph] = subgraphs;
    const buffers = model.tables(F.Model.buffers);
    const codes = model.tables(F.Model.operator_codes).map(operatorName);
    return {
      tensors: graph.tables(F.SubGraph.tensors).map((t, i) => readTensor(t, buffers, i)),
      operators: graph.tables(F.SubGraph.operators).map((t) => readOperator(t, codes)),
      inputs: graph.int32s(F.SubGraph.inputs),
      outputs: graph.int32s(F.SubGraph.outputs),
    };
  } catch (cause) {
    throw new Error(`${file}: cannot read as TensorFlow Lite: ${cause.message}`, { cause });
  }
}

/**
 * A copy of the file that declares other tensors as its inputs and outputs, so that a runtime which
 * shows only those shows what lies inside. A constant that becomes an input loses its value. The
 * new lists are appended and the subgraph pointed at them; nothing else moves.
 */
export function redeclare(bytes, { inputs, outputs }) {
  const start = Math.ceil(bytes.length / 4) * 4;
  const copy = new Uint8Array(start + 4 * (2 + inputs.length + outputs.length));
  copy.set(bytes);
  const bb = new ByteBuffer(copy);
  const [graph] = new Table(bb, bb.__indirect(0)).tables(F.Model.subgraphs);

  let end = start;
  for (const [field, indices] of [[F.SubGraph.inputs, inputs], [F.SubGraph.outputs, outputs]]) {
    const where = graph.where(field);
    bb.writeInt32(where, end - where);
    for (const value of [indices.length, ...indices]) {
      bb.writeInt32(end, value);
      end += 4;
    }
  }

  const tensors = graph.tables(F.SubGraph.tensors);
  for (const index of inputs) {
    const where = tensors[index].where(F.Tensor.buffer);
    if (where) bb.writeInt32(where, NO_BUFFER);
  }
  return copy;
}
