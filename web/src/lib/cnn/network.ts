// A network's pass as Python traced it (glassworks/studio/networks/network.py), and what each of its numbers was computed of.

import type { NDArray } from '../wire';

export interface Link {
  op: string;
  by: number | NDArray | null;
  numbers: Record<string, number | string>;
}
export interface Layer {
  name: string;
  module: string;
  function: string;
  kind: 'input' | 'conv' | 'linear' | 'norm' | 'pointwise' | 'pool' | 'move' | 'combine' | 'softmax' | 'opaque';
  inputs: number[];
  shape: number[];
  point: string | null; // what Python calls the layer, where a question may be asked about it
  weight?: NDArray | null;
  bias?: NDArray | null;
  stride?: [number, number];
  padding?: [number, number];
  dilation?: [number, number];
  groups?: number;
  what?: string;
  eps?: number;
  chain?: Link[];
  how?: 'max' | 'mean';
  rows?: number[][];
  columns?: number[][];
  source?: NDArray<Int32Array> | null;
  op?: string;
  log?: boolean;
  why?: string; // why it is a box that cannot be looked into
}
export interface Pass {
  name: string;
  values: NDArray[];
  moments: Record<string, { mean: NDArray; variance: NDArray }>;
}
export interface Network {
  layers: Layer[];
  output: number;
  passes: Pass[];
  classes: string[];
  truth?: string | null;
  /** What Python is to be told to find this very pass again. */
  asked?: Record<string, unknown>;
}

/** Channels, rows and columns in which a value is drawn: a vector has a channel for each number, rows of tokens are one map. */
export function form(shape: number[]): [number, number, number] {
  if (shape.length === 3) return [shape[0], shape[1], shape[2]];
  if (shape.length === 1) return [shape[0], 1, 1];
  if (shape.length === 2) return [1, shape[0], shape[1]];
  return [1, 1, shape.reduce((a, b) => a * b, 1)];
}

export function size(shape: number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

/** One channel's numbers: shares memory. */
export function channel(value: NDArray, c: number): Float32Array {
  const [, rows, columns] = form(value.shape);
  return value.data.subarray(c * rows * columns, (c + 1) * rows * columns);
}

/** The largest size of any number; 0 for none. */
export function reach(data: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < data.length; i++) most = Math.max(most, Math.abs(data[i]));
  return most;
}

/** Where the largest number is. */
export function largest(data: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < data.length; i++) if (data[i] > data[best]) best = i;
  return best;
}

// ---------------------------------------------------------------------------------------------------------------------
// Convolutions

export interface Term {
  row: number;
  column: number;
  inside: boolean; // outside lies padding, which is 0
  x: number;
  w: number;
}

/** The input channels that an output channel reads. */
export function read(layer: Layer, o: number): number[] {
  const [outputs, inputs] = layer.weight!.shape;
  const first = Math.floor(o / (outputs / layer.groups!)) * inputs;
  return Array.from({ length: inputs }, (_, i) => first + i);
}

/** A kernel: the weights between an input channel (by its place among those read) and an output channel. */
export function kernel(layer: Layer, o: number, i: number): Float32Array {
  const [, inputs, height, width] = layer.weight!.shape;
  const start = (o * inputs + i) * height * width;
  return layer.weight!.data.subarray(start, start + height * width);
}

/** The pairs of number and weight that an input channel adds to one number of an output channel. */
export function terms(layer: Layer, x: NDArray, o: number, i: number, row: number, column: number): Term[] {
  const [, height, width] = form(x.shape);
  const [, , tall, wide] = layer.weight!.shape;
  const weights = kernel(layer, o, i);
  const map = channel(x, read(layer, o)[i]);
  const found: Term[] = [];
  for (let u = 0; u < tall; u++)
    for (let v = 0; v < wide; v++) {
      const r = row * layer.stride![0] - layer.padding![0] + u * layer.dilation![0];
      const c = column * layer.stride![1] - layer.padding![1] + v * layer.dilation![1];
      const inside = r >= 0 && c >= 0 && r < height && c < width;
      found.push({ row: r, column: c, inside, x: inside ? map[r * width + c] : 0, w: weights[u * wide + v] });
    }
  return found;
}

/** What an input channel by itself adds to all of an output channel: the map between them. */
export function between(layer: Layer, x: NDArray, o: number, i: number): Float32Array {
  const [, height, width] = form(x.shape);
  const [, , tall, wide] = layer.weight!.shape;
  const [, rows, columns] = layer.shape;
  const [weights, map, made] = [kernel(layer, o, i), channel(x, read(layer, o)[i]), new Float32Array(rows * columns)];
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) {
      let sum = 0;
      for (let u = 0; u < tall; u++) {
        const row = r * layer.stride![0] - layer.padding![0] + u * layer.dilation![0];
        if (row < 0 || row >= height) continue;
        for (let v = 0; v < wide; v++) {
          const column = c * layer.stride![1] - layer.padding![1] + v * layer.dilation![1];
          if (column >= 0 && column < width) sum += map[row * width + column] * weights[u * wide + v];
        }
      }
      made[r * columns + c] = sum;
    }
  return made;
}

// ---------------------------------------------------------------------------------------------------------------------
// Linear layers

/** The weights to one output. */
export function weightsTo(layer: Layer, o: number): Float32Array {
  const inputs = layer.weight!.shape[1];
  return layer.weight!.data.subarray(o * inputs, (o + 1) * inputs);
}

/** Each number of a row times its weight to one output. */
export function products(layer: Layer, x: Float32Array, o: number): Float32Array {
  const weights = weightsTo(layer, o);
  return weights.map((w, i) => w * x[i]);
}

// ---------------------------------------------------------------------------------------------------------------------
// Numbers that are moved, and shares

/** The place in a smaller value that is spread over a larger one: as torch broadcasts. */
export function broadcast(index: number, shape: number[], small: number[]): number {
  let [rest, place, step] = [index, 0, 1];
  for (let axis = shape.length - 1, other = small.length - 1; axis >= 0; axis--, other--) {
    const at = rest % shape[axis];
    rest = Math.floor(rest / shape[axis]);
    if (other >= 0) {
      place += small[other] === 1 ? 0 : at * step;
      step *= small[other];
    }
  }
  return place;
}

/** Where a moved number comes from: the input, by its place among the layer's, and the number there; null: a constant. */
export function origin(layers: Layer[], layer: Layer, index: number): { input: number; index: number } | null {
  let from = layer.source ? layer.source.data[index] : index;
  if (from < 0) return null;
  for (let input = 0; input < layer.inputs.length; input++) {
    const count = size(layers[layer.inputs[input]].shape);
    if (from < count) return { input, index: from };
    from -= count;
  }
  return null;
}

export interface Shares {
  most: number;
  exps: number[];
  total: number;
  shares: number[];
}

/** The softmax of some numbers, with its terms: each less the largest, so that none overflows. */
export function softmax(logits: ArrayLike<number>): Shares {
  const most = Math.max(...Array.from(logits));
  const exps = Array.from(logits, (x) => Math.exp(x - most));
  const total = exps.reduce((a, b) => a + b, 0);
  return { most, exps, total, shares: exps.map((e) => e / total) };
}

/** The share of each class: the outputs' softmax, or the outputs where they are one; undefined where they are no classes'. */
export function shared(network: Network, pass: Pass): number[] | undefined {
  const [outputs, last] = [pass.values[network.output].data, network.layers[network.output]];
  if (network.classes.length !== outputs.length) return undefined;
  if (last.kind !== 'softmax') return softmax(outputs).shares;
  return Array.from(outputs, (x) => (last.log ? Math.exp(x) : x));
}

// ---------------------------------------------------------------------------------------------------------------------
// What is drawn

/** The channels that a channel of a layer is computed of: the layer that was read, and its channel. */
export function sources(network: Network, at: number, c: number): { layer: number; channel: number; strength: number }[] {
  const layer = network.layers[at];
  const all = (input: number) => Array.from({ length: form(network.layers[input].shape)[0] }, (_, k) => ({ layer: input, channel: k, strength: 1 }));
  if (layer.kind === 'conv') {
    const sizes = read(layer, c).map((_, i) => reach(kernel(layer, c, i)));
    const most = Math.max(...sizes, 1e-30);
    return read(layer, c).map((k, i) => ({ layer: layer.inputs[0], channel: k, strength: sizes[i] / most }));
  }
  if (layer.kind === 'linear' && layer.shape.length === 1) {
    const weights = weightsTo(layer, c);
    const most = reach(weights) || 1;
    return Array.from(weights, (w, k) => ({ layer: layer.inputs[0], channel: k, strength: Math.abs(w) / most }));
  }
  if (['pointwise', 'norm', 'pool', 'combine'].includes(layer.kind)) {
    return [...new Set(layer.inputs)].map((input) => ({ layer: input, channel: Math.min(c, form(network.layers[input].shape)[0] - 1), strength: 1 }));
  }
  if (layer.kind === 'move') {
    const [, rows, columns] = form(layer.shape);
    const found = new Map<string, { layer: number; channel: number; strength: number }>();
    for (let i = c * rows * columns; i < (c + 1) * rows * columns; i++) {
      const from = origin(network.layers, layer, i);
      if (!from) continue;
      const input = layer.inputs[from.input];
      const [, tall, wide] = form(network.layers[input].shape);
      const k = Math.floor(from.index / (tall * wide));
      found.set(`${input} ${k}`, { layer: input, channel: k, strength: 1 });
    }
    return [...found.values()];
  }
  return layer.inputs.flatMap(all);
}

/** The part of the network that a layer belongs to: what its name begins with. */
export function part(layer: Layer): string {
  return layer.name.split('.')[0];
}

/** The end of each layer's scale: the largest size of any number in the layer, in its part, or in all of the network. */
export function scales(network: Network, pass: Pass, over: 'layer' | 'module' | 'network'): number[] {
  const own = pass.values.map((value) => reach(value.data));
  const inner = own.map((most, i) => (network.layers[i].kind === 'input' ? 0 : most));
  if (over === 'layer') return own;
  const all = Math.max(...inner);
  if (over === 'network') return own.map(() => all);
  const parts = new Map<string, number>();
  network.layers.forEach((layer, i) => parts.set(part(layer), Math.max(parts.get(part(layer)) ?? 0, inner[i])));
  return network.layers.map((layer, i) => (layer.kind === 'input' ? own[i] : parts.get(part(layer))!));
}

/** A layer in a word: what the reader calls it. */
export function title(layer: Layer): string {
  const names: Record<string, string> = { conv: 'conv', linear: 'linear', softmax: 'softmax', input: 'input' };
  if (layer.kind === 'norm') return `${layer.what} norm`;
  if (layer.kind === 'pool') return `${layer.how} pool`;
  if (layer.kind === 'pointwise') return layer.chain!.length === 1 && !['mul', 'add', 'sub', 'div'].includes(layer.chain![0].op) ? layer.chain![0].op : layer.module || layer.function;
  if (layer.kind === 'combine') return layer.op === 'add' ? 'sum' : layer.op!;
  if (layer.kind === 'move') return layer.shape.length === 1 ? 'flatten' : layer.function === 'pad' ? 'pad' : layer.module || layer.function;
  if (layer.kind === 'opaque') return layer.module || layer.function;
  return names[layer.kind];
}
