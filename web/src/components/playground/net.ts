// The playground's network in the browser: what every unit says of any point, from the weights that Python trained.

import type { NDArray } from '../../lib/wire';

export interface Layer {
  /** (units, read) */
  weight: NDArray;
  bias: NDArray;
}

export type Output = 'squashed' | 'logits' | 'number';

export interface Net {
  features: string[];
  activation: string;
  layers: Layer[];
  output: Output;
}

/** The plane goes so far to all sides. */
export const REACH = 6;
/** Cells along a side of a heat map. */
export const SIDE = 64;

const FEATURES: Record<string, (x: number, y: number) => number> = {
  x1: (x) => x,
  x2: (_, y) => y,
  x1x1: (x) => x * x,
  x2x2: (_, y) => y * y,
  x1x2: (x, y) => x * y,
  sin1: (x) => Math.sin(x),
  sin2: (_, y) => Math.sin(y),
};

const ACTIVATIONS: Record<string, (z: number) => number> = {
  tanh: Math.tanh,
  relu: (z) => (z > 0 ? z : 0),
  sigmoid: (z) => 1 / (1 + Math.exp(-z)),
  sine: Math.sin,
  linear: (z) => z,
};

export interface Places {
  x: Float64Array;
  y: Float64Array;
}

/** The middles of the cells of a square of `side` cells, the top row first. */
export function grid(side = SIDE): Places {
  const x = new Float64Array(side * side);
  const y = new Float64Array(side * side);
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      x[row * side + column] = ((2 * column + 1) / side - 1) * REACH;
      y[row * side + column] = (1 - (2 * row + 1) / side) * REACH;
    }
  }
  return { x, y };
}

/** What every unit says of each place: features first, then each layer; the last are the outputs as the net gives them. */
export function units(net: Net, at: Places): Float64Array[][] {
  const count = at.x.length;
  let read: Float64Array[] = net.features.map((name) => {
    const values = new Float64Array(count);
    for (let i = 0; i < count; i++) values[i] = FEATURES[name](at.x[i], at.y[i]);
    return values;
  });
  const found = [read];
  net.layers.forEach((layer, depth) => {
    const last = depth === net.layers.length - 1;
    const then = last ? (net.output === 'squashed' ? Math.tanh : undefined) : ACTIVATIONS[net.activation];
    read = layerOf(layer, read, count, then);
    found.push(read);
  });
  return found;
}

function layerOf(layer: Layer, read: Float64Array[], count: number, then?: (z: number) => number): Float64Array[] {
  const [rows, columns] = layer.weight.shape;
  return Array.from({ length: rows }, (_, row) => {
    const values = new Float64Array(count).fill(layer.bias.data[row]);
    for (let column = 0; column < columns; column++) {
      const weight = layer.weight.data[row * columns + column];
      const from = read[column];
      for (let i = 0; i < count; i++) values[i] += weight * from[i];
    }
    if (then) for (let i = 0; i < count; i++) values[i] = then(values[i]);
    return values;
  });
}

/** One number a place: from -1 (the first class) to 1 (the second), or the number itself. */
export function score(net: Net, outputs: Float64Array[]): Float64Array {
  if (net.output !== 'logits') return outputs[0];
  return outputs[0].map((first, i) => Math.tanh((outputs[1][i] - first) / 2)); // the second's probability less the first's
}

/** The probabilities of the classes at each place, one array a class. */
export function probabilities(outputs: Float64Array[]): Float64Array[] {
  const found = outputs.map((values) => new Float64Array(values.length));
  for (let i = 0; i < outputs[0].length; i++) {
    let top = -Infinity;
    for (const values of outputs) top = Math.max(top, values[i]);
    let sum = 0;
    for (const values of outputs) sum += Math.exp(values[i] - top);
    outputs.forEach((values, k) => (found[k][i] = Math.exp(values[i] - top) / sum));
  }
  return found;
}

/** Layers from one vector of all weights: each layer's matrix by rows, then its biases, as torch orders parameters. */
export function layersOf(vector: Float32Array, like: Layer[]): Layer[] {
  let place = 0;
  return like.map(({ weight, bias }) => {
    const take = (size: number) => vector.subarray(place, (place += size));
    return { weight: { shape: weight.shape, data: take(weight.data.length) }, bias: { shape: bias.shape, data: take(bias.data.length) } };
  });
}

/** The same layers with one weight (column -1: the bias) of another value. */
export function withWeight(layers: Layer[], at: { layer: number; row: number; column: number }, value: number): Layer[] {
  return layers.map((layer, i) => {
    if (i !== at.layer) return layer;
    const weight = { shape: layer.weight.shape, data: layer.weight.data.slice() };
    const bias = { shape: layer.bias.shape, data: layer.bias.data.slice() };
    if (at.column < 0) bias.data[at.row] = value;
    else weight.data[at.row * layer.weight.shape[1] + at.column] = value;
    return { weight, bias };
  });
}

/** The largest size of some numbers, those that are none apart. */
export function largest(values: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < values.length; i++) {
    const size = Math.abs(values[i]);
    if (size > most && size < Infinity) most = size;
  }
  return most;
}
