// Writes the tiny graphs that the unit tests of src/model feed by hand, so that they need neither
// the real models nor Node. The results are committed; run this after changing it.
//
//   node models/make_tiny.mjs [--out tests/data/tiny]
//
// All but one take a picture of 3 × 2 pixels (width × height) and give the 18 numbers that were fed.
// "text" takes tokens and their mask, and gives the sum of those ids and of the mask.

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import onnxProto from 'onnx-proto';
import { writeWhole } from './files.mjs';
import { OnnxGraph } from './onnx.mjs';

const { onnx } = onnxProto;

/** `before` may put nodes between the input and the Flatten: it gets the graph, returns a name. */
function flatten({ input = ['N', 3, 2, 3], output = ['N', 18], before = () => 'input' }) {
  const graph = new OnnxGraph('tiny');
  graph.input('input', input);
  graph.node('Flatten', [before(graph)], 'features', { axis: 1 });
  graph.output('features', output);
  return graph.encode();
}

/** The same graph, of bytes instead of floats. */
function inBytes(encoded) {
  const model = onnx.ModelProto.decode(encoded);
  for (const { type } of [...model.graph.input, ...model.graph.output]) {
    type.tensorType.elemType = onnx.TensorProto.DataType.UINT8;
  }
  return onnx.ModelProto.encode(model).finish();
}

/** A graph that takes pixels as they are. */
function bytes() {
  const graph = new OnnxGraph('tiny');
  graph.input('input', ['N', 2, 3, 3], 'UINT8');
  const floats = graph.node('Cast', ['input'], 'floats', { to: 1 });
  graph.node('Flatten', [floats], 'features', { axis: 1 });
  graph.output('features', ['N', 18]);
  return graph.encode();
}

function text() {
  const graph = new OnnxGraph('tiny');
  const ids = graph.input('ids', ['N', 'T'], 'INT64');
  const mask = graph.input('mask', ['N', 'T'], 'INT64');
  const axis = graph.initializer('axis', [1], BigInt64Array.of(1n));
  const sums = [graph.node('Mul', [ids, mask], 'real'), mask].map((tensor) =>
    graph.node('ReduceSum', [tensor, axis], `sum_of_${tensor}`));
  graph.node('Cast', [graph.node('Concat', sums, 'sums', { axis: 1 })], 'embedding', { to: 1 });
  graph.output('embedding', ['N', 2]);
  return graph.encode();
}

const GRAPHS = {
  flatten: flatten({}),
  dynamic: flatten({ input: ['N', 'C', 'H', 'W'], output: ['N', 'D'] }),
  fixed_batch: flatten({ input: [1, 3, 2, 3], output: [1, 18] }),
  // Of 0 the logarithm is -infinity, of less it is not a number.
  log: flatten({ before: (graph) => graph.node('Log', ['input'], 'log') }),
  two_inputs: flatten({
    before: (graph) => graph.node('Add', ['input', graph.input('more', ['N', 3, 2, 3])], 'sum'),
  }),
  text: text(),
  uint8: inBytes(flatten({})),
  bytes: bytes(),
};

const { values: { out } } = parseArgs({
  options: {
    out: { type: 'string', default: fileURLToPath(new URL('../tests/data/tiny', import.meta.url)) },
  },
});
for (const [name, bytes] of Object.entries(GRAPHS)) writeWhole(join(out, `${name}.onnx`), bytes);
