// Arrays as grids of cells: parts of them, products, and what of a wide row a narrow strip can show.

import type { NDArray } from './wire';

/** A row of a grid: shares its memory. */
export function row(grid: NDArray, index: number): Float32Array {
  const width = grid.shape[1];
  return grid.data.subarray(index * width, (index + 1) * width);
}

/** (W, H, D) at one place of the middle axis: (W, D), copied. */
export function middle(array: NDArray, index: number): NDArray {
  const [rows, places, width] = array.shape;
  const data = new Float32Array(rows * width);
  for (let r = 0; r < rows; r++) data.set(array.data.subarray((r * places + index) * width, (r * places + index + 1) * width), r * width);
  return { shape: [rows, width], data };
}

/** Some columns of a grid, copied. */
export function columns(grid: NDArray, first: number, last: number): NDArray {
  const [rows, width] = grid.shape;
  const end = Math.min(last, width);
  const data = new Float32Array(rows * (end - first));
  for (let r = 0; r < rows; r++) data.set(grid.data.subarray(r * width + first, r * width + end), r * (end - first));
  return { shape: [rows, end - first], data };
}

/** A vector as a grid of one row. */
export function line(data: Float32Array): NDArray {
  return { shape: [1, data.length], data };
}

export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** Every row of one grid times every row of another: (W, D) and (S, D) to (W, S). */
export function products(a: NDArray, b: NDArray): NDArray {
  const [rows, others] = [a.shape[0], b.shape[0]];
  const data = new Float32Array(rows * others);
  for (let r = 0; r < rows; r++) for (let s = 0; s < others; s++) data[r * others + s] = dot(row(a, r), row(b, s));
  return { shape: [rows, others], data };
}

/** A column of a grid. */
export function column(grid: NDArray, index: number): Float32Array {
  const [rows, width] = grid.shape;
  return Float32Array.from({ length: rows }, (_, r) => grid.data[r * width + index]);
}

export function largest(data: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < data.length; i++) if (Math.abs(data[i]) > most) most = Math.abs(data[i]);
  return most;
}

/** For each of `places` pixels of a row the column that it shows: of those that share it, the one of largest size. */
export function shown(values: Float32Array, places: number): Int32Array {
  const width = values.length;
  const found = new Int32Array(Math.min(places, width));
  for (let p = 0; p < found.length; p++) {
    let best = Math.floor((p * width) / found.length);
    const end = Math.floor(((p + 1) * width) / found.length);
    for (let c = best + 1; c < end; c++) if (Math.abs(values[c]) > Math.abs(values[best])) best = c;
    found[p] = best;
  }
  return found;
}

export interface Term {
  index: number;
  left: number;
  right: number;
  product: number;
}

/** The terms of a sum of products, the largest first, and what the others come to together. */
export function terms(a: ArrayLike<number>, b: ArrayLike<number>, count: number): { first: Term[]; rest: number; others: number; sum: number } {
  const all = Array.from({ length: a.length }, (_, index): Term => ({ index, left: a[index], right: b[index], product: a[index] * b[index] }));
  all.sort((x, y) => Math.abs(y.product) - Math.abs(x.product));
  const first = all.slice(0, count);
  const rest = all.slice(count).reduce((sum, term) => sum + term.product, 0);
  return { first, rest, others: Math.max(0, all.length - count), sum: first.reduce((sum, term) => sum + term.product, rest) };
}
