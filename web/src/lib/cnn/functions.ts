// Layers that work number by number: what each function does, how it is written, and a number's way through several.

import type { NDArray } from '../wire';
import { form, size, type Layer, type Link } from './network';

/** A number of a vector that has one for each channel, one for each number of the value, or one for all. */
export function spread(by: number | NDArray | null | undefined, index: number, shape: number[], none: number): number {
  if (by === null || by === undefined) return none;
  if (typeof by === 'number') return by;
  const count = by.data.length;
  if (count === size(shape)) return by.data[index];
  const [, rows, columns] = form(shape);
  return by.data[shape.length === 2 ? index % columns : Math.floor(index / (rows * columns)) % count];
}

const erf = (x: number) => {
  // Abramowitz & Stegun 7.1.26, to 1.5e-7
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const y = 1 - ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t * Math.exp(-x * x);
  return x < 0 ? -y : y;
};
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const of = (numbers: Link['numbers'], name: string, otherwise: number) => Number(numbers[name] ?? otherwise);

type Formula = { value: (x: number, by: number, n: Link['numbers']) => number; text: (x: string, by: string, n: Link['numbers']) => string };
const called = (name: string) => (x: string) => `${name}(${x})`;

/** What each function of one number does, and how it is written. */
export const FUNCTIONS: Record<string, Formula> = {
  relu: { value: (x) => Math.max(0, x), text: (x) => `max(0, ${x})` },
  relu6: { value: (x) => Math.min(6, Math.max(0, x)), text: (x) => `min(6, max(0, ${x}))` },
  leaky_relu: {
    value: (x, _, n) => (x < 0 ? of(n, 'negative_slope', 0.01) * x : x),
    text: (x, _, n) => `${x} if above 0, else ${of(n, 'negative_slope', 0.01)} · ${x}`,
  },
  elu: { value: (x, _, n) => (x < 0 ? of(n, 'alpha', 1) * Math.expm1(x) : x), text: called('elu') },
  tanh: { value: Math.tanh, text: called('tanh') },
  sigmoid: { value: sigmoid, text: (x) => `1 / (1 + exp(−${x}))` },
  silu: { value: (x) => x * sigmoid(x), text: (x) => `${x} / (1 + exp(−${x}))` },
  gelu: {
    value: (x, _, n) =>
      n.approximate === 'tanh' ? 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))) : 0.5 * x * (1 + erf(x / Math.SQRT2)),
    text: (x) => `${x} · Φ(${x})`,
  },
  softplus: { value: (x) => Math.log1p(Math.exp(x)), text: (x) => `log(1 + exp(${x}))` },
  clamp: {
    value: (x, _, n) => Math.min(of(n, 'max', Infinity), Math.max(of(n, 'min', -Infinity), x)),
    text: (x, _, n) => `${x} kept between ${n.min ?? '−∞'} and ${n.max ?? '∞'}`,
  },
  hardtanh: {
    value: (x, _, n) => Math.min(of(n, 'max_val', 1), Math.max(of(n, 'min_val', -1), x)),
    text: (x, _, n) => `${x} kept between ${n.min_val ?? -1} and ${n.max_val ?? 1}`,
  },
  exp: { value: Math.exp, text: called('exp') },
  log: { value: Math.log, text: called('log') },
  sqrt: { value: Math.sqrt, text: (x) => `√${x}` },
  rsqrt: { value: (x) => 1 / Math.sqrt(x), text: (x) => `1 / √${x}` },
  square: { value: (x) => x * x, text: (x) => `${x}²` },
  abs: { value: Math.abs, text: (x) => `|${x}|` },
  neg: { value: (x) => -x, text: (x) => `−${x}` },
  reciprocal: { value: (x) => 1 / x, text: (x) => `1 / ${x}` },
  add: { value: (x, by) => x + by, text: (x, by) => `${x} + ${by}` },
  sub: { value: (x, by) => x - by, text: (x, by) => `${x} − ${by}` },
  rsub: { value: (x, by) => by - x, text: (x, by) => `${by} − ${x}` },
  mul: { value: (x, by) => x * by, text: (x, by) => `${x} · ${by}` },
  div: { value: (x, by) => x / by, text: (x, by) => `${x} / ${by}` },
  rdiv: { value: (x, by) => by / x, text: (x, by) => `${by} / ${x}` },
  pow: { value: (x, by) => x ** by, text: (x, by) => `${x} ^ ${by}` },
  maximum: { value: (x, by) => Math.max(x, by), text: (x, by) => `max(${x}, ${by})` },
  minimum: { value: (x, by) => Math.min(x, by), text: (x, by) => `min(${x}, ${by})` },
  prelu: { value: (x, by) => (x < 0 ? by * x : x), text: (x, by) => `${x} if above 0, else ${by} · ${x}` },
};

export interface Stage {
  link: Link;
  x: number;
  by: number;
  y: number | null; // null where the page does not know the function
}

/** A number on its way through a chain of functions; the last one's result is the layer's own. */
export function stages(layer: Layer, x: number, made: number, index: number): Stage[] {
  const found: Stage[] = [];
  let now: number | null = x;
  layer.chain!.forEach((link, i) => {
    const by = spread(link.by, index, layer.shape, 0);
    const known: Formula | undefined = FUNCTIONS[link.op];
    const y: number | null = i === layer.chain!.length - 1 ? made : now !== null && known ? known.value(now, by, link.numbers) : null;
    found.push({ link, x: now ?? NaN, by, y });
    now = y;
  });
  return found;
}
