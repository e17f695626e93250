// Rewrites a network of convolutions so that ONNX Runtime runs it faster. What it computes is the
// same, but for rounding.
//
// PaddleOCR's graphs spell out what a convolution does on the side: each is followed by a scalar
// factor and a scalar term, then hard swish in four nodes, then another factor and term. Each of
// these nodes is a pass over all the planes; and as ONNX Runtime keeps planes in blocks of channels
// for its convolutions only, a scalar node between two of them also costs two passes that reorder.

import onnxProto from 'onnx-proto';

const { onnx } = onnxProto;
const { AttributeType } = onnx.AttributeProto;
const FLOAT = onnx.TensorProto.DataType.FLOAT;

const ints = (name, values) => ({ name, type: AttributeType.INTS, ints: values });
const int = (name, value) => ({ name, type: AttributeType.INT, i: value });
const float = (name, value) => ({ name, type: AttributeType.FLOAT, f: value });

class Graph {
  #graph;
  #constants = new Map();  // name → { dims, values }, of the floats
  #added = [];

  constructor(graph) {
    this.#graph = graph;
    for (const node of graph.node) {
      const tensor = node.opType === 'Constant' && node.attribute[0].t;
      if (!tensor || tensor.dataType !== FLOAT) continue;
      const values = tensor.rawData.length
        ? new Float32Array(Uint8Array.from(tensor.rawData).buffer)
        : Float32Array.from(tensor.floatData);
      this.#constants.set(node.output[0], { dims: tensor.dims.map(Number), values });
    }
  }

  all(opType) {
    return this.#graph.node.filter((node) => node.opType === opType);
  }

  users(name) {
    return this.#graph.node.filter((node) => node.input.includes(name));
  }

  /** The node that alone takes `name`, if it is of that type. */
  onlyUser(name, opType) {
    const [user, ...others] = this.users(name);
    return others.length === 0 && user?.opType === opType ? user : undefined;
  }

  maker(name) {
    return this.#graph.node.find((node) => node.output.includes(name));
  }

  constant(name) {
    return this.#constants.get(name);
  }

  /** Of a node with two inputs: [its variable one, its scalar one's value], or undefined. */
  scalarOf(node) {
    const at = node.input.findIndex((name) => this.constant(name)?.values.length === 1);
    return at < 0 ? undefined : [node.input[1 - at], this.constant(node.input[at]).values[0]];
  }

  channels(name) {
    if (this.constant(name)) return undefined;
    const node = this.maker(name);
    if (node?.opType === 'Conv') return this.constant(node.input[1]).dims[0];
    if (!['Add', 'Mul', 'HardSigmoid'].includes(node?.opType)) return undefined;
    return node.input.map((input) => this.channels(input)).find((count) => count);
  }

  addConstant(dims, values) {
    const name = `folded.${this.#added.length}`;
    this.#constants.set(name, { dims, values });
    const t = { dims, dataType: FLOAT, rawData: new Uint8Array(values.buffer) };
    const attribute = [{ name: 'value', type: AttributeType.TENSOR, t }];
    this.#added.push({ opType: 'Constant', output: [name], attribute });
    return name;
  }

  /** A convolution's weights and bias become what `change` makes of them. */
  changeConv(conv, change) {
    const { dims, values } = this.constant(conv.input[1]);
    const bias = this.constant(conv.input[2])?.values ?? new Float32Array(dims[0]);
    const to = change(values, bias, dims);
    conv.input[1] = this.addConstant(dims, to.weights ?? values);
    conv.input[2] = this.addConstant([dims[0]], to.bias);
  }

  /** x · factor + term, as a convolution: that keeps the planes in its blocks. */
  scaled(x, factor, term, output) {
    const count = this.channels(x);
    const fill = (value) => new Float32Array(count).fill(value);
    return {
      opType: 'Conv',
      name: output,
      input: [x, this.addConstant([count, 1, 1, 1], fill(factor)),
        this.addConstant([count], fill(term))],
      output: [output],
      attribute: [int('group', count), ints('kernel_shape', [1, 1])],
    };
  }

  /** `nodes` in place of `old`, the last of which they stand for. */
  replace(old, nodes) {
    const list = this.#graph.node;
    list.splice(list.indexOf(old.at(-1)), 1, ...nodes);
    this.#graph.node = list.filter((node) => !old.includes(node));
  }

  finish() {
    const used = new Set(this.#graph.node.flatMap((node) => node.input));
    this.#graph.node = [...this.#added, ...this.#graph.node].filter(
      (node) => node.opType !== 'Constant' || used.has(node.output[0]));
  }
}

/** Conv · s + t: both go into its weights and bias. */
function foldScalarsAfterConv(graph) {
  for (const conv of graph.all('Conv')) {
    for (const opType of ['Mul', 'Add']) {
      const next = graph.onlyUser(conv.output[0], opType);
      const found = next && graph.scalarOf(next);
      if (!found) continue;
      const [, scalar] = found;
      graph.changeConv(conv, (weights, bias) => (opType === 'Mul'
        ? { weights: weights.map((w) => w * scalar), bias: bias.map((b) => b * scalar) }
        : { bias: bias.map((b) => b + scalar) }));
      conv.output = next.output;
      graph.replace([next], []);
    }
  }
}

/** Hard swish, x · clip(x + 3, 0, 6) / 6, is x · clip(x / 6 + 1/2, 0, 1). */
function foldHardSwish(graph) {
  for (const div of graph.all('Div')) {
    const mul = graph.maker(div.input[0]);
    const clip = mul?.opType === 'Mul' && graph.maker(mul.input[1]);
    const add = clip?.opType === 'Clip' && graph.maker(clip.input[0]);
    if (!add || graph.scalarOf(div)?.[1] !== 6 || graph.scalarOf(add)?.[1] !== 3) continue;
    const [x] = mul.input;
    const [sixth, gate] = [`${add.output[0]}.sixth`, clip.output[0]];
    graph.replace([add, clip, mul, div], [
      graph.scaled(x, 1 / 6, 1 / 2, sixth),
      {
        opType: 'HardSigmoid', name: gate, input: [sixth], output: [gate],
        attribute: [float('alpha', 1), float('beta', 0)],
      },
      { opType: 'Mul', name: div.output[0], input: [x, gate], output: div.output },
    ]);
  }
}

/** A convolution of one pixel over all channels: what it reads has no edge that zeros are put at. */
function isPointwise(node) {
  const has = (name, value) => node.attribute.every((a) => a.name !== name ||
    [...(a.ints ?? []), ...(a.name === 'group' ? [a.i] : [])].every((n) => Number(n) === value));
  return node.opType === 'Conv' && has('kernel_shape', 1) && has('group', 1) && has('pads', 0);
}

/** x · s + t before convolutions of one pixel goes into them; elsewhere it becomes one. */
function foldScalarsBeforeConv(graph) {
  for (const mul of graph.all('Mul')) {
    const add = graph.onlyUser(mul.output[0], 'Add');
    const found = add && [graph.scalarOf(mul), graph.scalarOf(add)];
    if (!found?.every(Boolean)) continue;
    const [[x, s], [, t]] = found;
    const convs = graph.users(add.output[0]);
    if (convs.every(isPointwise)) {
      for (const conv of convs) {
        graph.changeConv(conv, (weights, bias, [, size]) => ({
          weights: weights.map((w) => w * s),
          bias: bias.map((b, i) => b + t * weights.subarray(i * size, (i + 1) * size)
            .reduce((sum, w) => sum + w, 0)),
        }));
        conv.input[0] = x;
      }
      graph.replace([mul, add], []);
    } else if (graph.channels(x)) {
      graph.replace([mul, add], [graph.scaled(x, s, t, add.output[0])]);
    }
  }
}

/** The bytes of an ONNX model → those of one that does the same, faster. */
export function fold(bytes) {
  const model = onnx.ModelProto.decode(bytes);
  const graph = new Graph(model.graph);
  foldScalarsAfterConv(graph);
  foldHardSwish(graph);
  foldScalarsBeforeConv(graph);
  graph.finish();
  return Buffer.from(onnx.ModelProto.encode(model).finish());
}
