import { expect, test } from 'vitest';
import { contour } from '../src/lib/contours';

const lines = (path: string) => path.split('M').filter(Boolean).map((line) => line.split('L').map((end) => end.split(' ').map(Number)));

test('a line lies where the height is, between the numbers of a slope', () => {
  const slope = Float32Array.from({ length: 12 }, (_, i) => i % 4); // the column itself
  const found = lines(contour(slope, 4, 1.25, (c) => 10 * c, (r) => -r));
  expect(found).toEqual([[[12.5, 0], [12.5, -1]], [[12.5, -1], [12.5, -2]]]);
});

test('around a peak it is closed: every end is that of two lines', () => {
  const side = 15;
  const peak = Float32Array.from({ length: side * side }, (_, i) => -Math.hypot((i % side) - 7, Math.floor(i / side) - 7));
  const ends = lines(contour(peak, side, -4.5, (c) => c, (r) => r)).flat().map(String);
  expect(ends.length).toBeGreaterThan(40);
  for (const end of ends) expect(ends.filter((other) => other === end).length).toBe(2);
  for (const [a, b] of lines(contour(peak, side, -4.5, (c) => c, (r) => r)).flat()) expect(Math.hypot(a - 7, b - 7)).toBeCloseTo(4.5, 0);
});

test('a saddle has two lines that do not cross, and a hole has none', () => {
  expect(lines(contour([1, 0, 0, 1], 2, 0.5, (c) => c, (r) => r)).length).toBe(2);
  expect(contour([1, 0, NaN, 1], 2, 0.5, (c) => c, (r) => r)).toBe('');
});
