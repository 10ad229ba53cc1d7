// Where the units of a network lie: each stage is a plane of maps side by side, and each map a grid of units.

import type { Origin } from './kinds';

export const MOST = 200; // widths of a unit of a map: about as wide a plane becomes
const GAP = 2; // between maps

export interface Plane {
  first: number; // of its units among all
  count: number;
  maps: number;
  rows: number; // of a map
  columns: number;
  across: number; // maps beside one another
  size: number; // of a unit's side
  gap: number;
  width: number;
  height: number;
}

/** Channels, rows and columns of a stage: a vector is maps of one unit, a sequence one map of a row for each place. */
export function grid(shape: number[]): [number, number, number] {
  if (shape.length === 1) return [shape[0], 1, 1];
  if (shape.length === 2) return [1, shape[0], shape[1]];
  const [channels, ...places] = shape;
  return [channels, places.slice(0, -1).reduce((a, b) => a * b, 1), places.at(-1)!];
}

/** The planes of stages of these shapes, in their order. */
export function planes(shapes: number[][]): Plane[] {
  let first = 0;
  return shapes.map((shape) => {
    const [maps, rows, columns] = grid(shape);
    const single = rows * columns === 1;
    const pitch = single ? Math.min(12, Math.max(1.6, MOST / maps)) : columns + GAP;
    const most = Math.max(1, Math.min(maps, Math.floor((MOST + (single ? 0 : GAP)) / pitch)));
    const across = Math.ceil(maps / Math.ceil(maps / most));
    const size = single ? pitch * 0.8 : 1;
    const gap = single ? pitch - size : GAP;
    const count = maps * rows * columns;
    const lines = Math.ceil(maps / across);
    const plane = { first, count, maps, rows, columns, across, size, gap, width: across * (columns * size + gap) - gap, height: lines * (rows * size + gap) - gap };
    first += count;
    return plane;
  });
}

/** The middle of a unit, from the plane's upper left corner. */
export function middle(plane: Plane, unit: number): [number, number] {
  const inside = plane.rows * plane.columns;
  const map = Math.floor(unit / inside);
  const row = Math.floor((unit % inside) / plane.columns);
  const [left, top] = corner(plane, map);
  return [left + ((unit % plane.columns) + 0.5) * plane.size, top + (row + 0.5) * plane.size];
}

/** The upper left corner of a map. */
export function corner(plane: Plane, map: number): [number, number] {
  const { across, columns, rows, size, gap } = plane;
  return [(map % across) * (columns * size + gap), Math.floor(map / across) * (rows * size + gap)];
}

/** The unit at a place of a plane, -1 where there is none. */
export function unitAt(plane: Plane, x: number, y: number): number {
  const { across, columns, rows, size, gap, maps } = plane;
  const column = Math.floor(x / (columns * size + gap));
  const line = Math.floor(y / (rows * size + gap));
  const map = line * across + column;
  if (x < 0 || y < 0 || column >= across || map >= maps) return -1;
  const [left, top] = corner(plane, map);
  const [c, r] = [Math.floor((x - left) / size), Math.floor((y - top) / size)];
  return c < columns && r < rows ? (map * rows + r) * columns + c : -1;
}

/** The unit beside another: across maps, to the nearest in the direction; itself at the edge. */
export function beside(plane: Plane, unit: number, right: number, down: number): number {
  const [x, y] = middle(plane, unit);
  const step = plane.size / 2;
  for (let far = 1; far < 2 * (plane.width + plane.height) / step; far++) {
    const [to, low] = [x + right * far * step, y + down * far * step];
    if (to < 0 || low < 0 || to > plane.width || low > plane.height) return unit;
    const found = unitAt(plane, to, low);
    if (found >= 0 && found !== unit) return found;
  }
  return unit;
}

/** Which map a unit is of, its row and its column in it. */
export function within(plane: Plane, unit: number): [number, number, number] {
  const inside = plane.rows * plane.columns;
  return [Math.floor(unit / inside), Math.floor((unit % inside) / plane.columns), unit % plane.columns];
}

/** The largest size of a number among some. */
export function largest(values: Float32Array): number {
  let most = 0;
  for (const value of values) if (Math.abs(value) > most) most = Math.abs(value);
  return most;
}

type Sum = Pick<Origin, 'sources' | 'slopes'>;

/** What each source brings to a unit, as far as it is a sum. */
export function products(values: Float32Array, first: number, { sources, slopes }: Sum): Float32Array {
  return slopes.data.map((slope, i) => slope * values[first + sources.data[i]]);
}

/** The edges to a unit, the faintest first: from whom, and what it brings as a share of the most. */
export function edges(values: Float32Array, first: number, sum: Sum): { source: number; share: number }[] {
  const each = products(values, first, sum);
  const most = largest(each) || 1;
  return Array.from(each, (brings, i) => ({ source: sum.sources.data[i], share: brings / most })).sort((a, b) => Math.abs(a.share) - Math.abs(b.share));
}
