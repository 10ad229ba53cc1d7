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

test('a line of many points has at most four a pixel, and keeps its lowest and highest', () => {
  const n = 10_000;
  const x = Float64Array.from({ length: n }, (_, i) => i);
  const y = Float64Array.from({ length: n }, (_, i) => (i === 5003 ? -7 : i === 5004 ? 9 : Math.sin(i)));
  const drawn: [number, number][] = [];
  const path = { moveTo: (a: number, b: number) => void drawn.push([a, b]), lineTo: (a: number, b: number) => void drawn.push([a, b]) };
  trace(path, x, y, n, (value) => (500 * value) / n, (value) => value, 0, n);
  expect(drawn.length).toBeLessThanOrEqual(4 * 501);
  const heights = drawn.map(([, height]) => height);
  expect([Math.min(...heights), Math.max(...heights)]).toEqual([-7, 9]);
});
