import { expect, test } from 'vitest';
import { extent, from, logTicks, nearest, Points, smoothed, ticks, trace } from '../src/lib/curves';

test('points grow, leave out what is no number, and never run backwards', () => {
  const points = new Points();
  for (let i = 0; i < 1000; i++) points.push(i === 500 ? 3 : i, i % 2 ? NaN : i);
  expect(points.length).toBe(500);
  expect(points.x[250]).toBe(498);
  expect([...points.x.subarray(0, points.length)]).toEqual([...points.x.subarray(0, points.length)].toSorted((a, b) => a - b));
});

test('smoothing leaves a constant as it is from the first point on, and nothing at a share of 0', () => {
  expect([...smoothed(new Float64Array([3, 3, 3]), 3, 0.9)].map((y) => Math.round(1e9 * y) / 1e9)).toEqual([3, 3, 3]);
  expect([...smoothed(new Float64Array([1, 5, 2]), 3, 0)]).toEqual([1, 5, 2]);
  expect(smoothed(new Float64Array([0, 1]), 2, 0.5)[1]).toBeCloseTo(2 / 3);
});

test('the nearest point and the part in view are found by halving', () => {
  const x = new Float64Array([0, 10, 20, 30]);
  expect([from(x, 4, -1), from(x, 4, 10), from(x, 4, 11), from(x, 4, 99)]).toEqual([0, 1, 2, 4]);
  expect([nearest(x, 4, -5), nearest(x, 4, 14), nearest(x, 4, 16), nearest(x, 4, 99), nearest(x, 0, 1)]).toEqual([0, 1, 2, 3, -1]);
  expect(extent(x, new Float64Array([9, 1, 2, 3]), 4, 10, 20, false)).toEqual([1, 2]);
});

test('axes have round numbers', () => {
  expect(ticks(0, 1, 5)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
  expect(ticks(-3, 12, 4)).toEqual([0, 5, 10]);
  expect(ticks(2, 2, 4)).toEqual([2]);
  expect(logTicks(0.001, 10)).toEqual([0.001, 0.01, 0.1, 1, 10]);
  expect(logTicks(1, 12)).toEqual([1, 2, 5, 10]);
  expect(logTicks(3.1, 4.1).length).toBeGreaterThan(1);
});

function drawn(n: number, y: (i: number) => number, wide: number): { rects: number[][]; points: number[][] } {
  const rects: number[][] = [];
  const points: number[][] = [];
  const pen = {
    moveTo: (...at: number[]) => void points.push(at),
    lineTo: (...at: number[]) => void points.push(at),
    fillRect: (...at: number[]) => void rects.push(at),
    stroke: () => undefined,
    beginPath: () => undefined,
  };
  const x = Float64Array.from({ length: n }, (_, i) => i);
  trace(pen, x, x.map((i) => y(i)), n, (value) => (wide * value) / n, (value) => 100 - value, 0, n);
  return { rects, points };
}

test('a line of many points is at most a bar a pixel, keeps its lowest and highest, and has no gaps', () => {
  const { rects, points } = drawn(10_000, (i) => (i === 5003 ? -7 : i === 5004 ? 9 : Math.sin(i / 700)), 500);
  expect(points.length).toBe(0);
  expect(rects.length).toBeLessThanOrEqual(501);
  expect(Math.min(...rects.map(([, top]) => top))).toBeCloseTo(100 - 9 - 0.75);
  expect(Math.max(...rects.map(([, top, , height]) => top + height))).toBeCloseTo(100 + 7 + 0.75);
  for (let i = 1; i < rects.length; i++) {
    const [[, a, , tall], [, b, , taller]] = [rects[i - 1], rects[i]];
    expect(Math.max(a, b)).toBeLessThanOrEqual(Math.min(a + tall, b + taller));
  }
});

test('a line of few points goes through all of them, in pieces that meet', () => {
  for (const n of [1, 2, 64, 65, 66, 200]) {
    const { points } = drawn(n, (i) => i % 7, 500);
    expect(new Set(points.map(([x]) => x)).size).toBe(n);
  }
});
