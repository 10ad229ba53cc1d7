import { expect, test } from 'vitest';
import { emptyPad, inkOf, line, pixelsOf, read, written } from '../src/components/digits/drawing';
import { beside, middle, planes, products, edges, unitAt, within } from '../src/components/digits/layout';

const MNIST = { paper: 0, size: 20 / 28, row: 0.5, column: 0.5 };

function square(side: number, left: number, top: number, size: number) {
  const data = new Uint8Array(side * side);
  for (let y = top; y < top + size; y++) for (let x = left; x < left + size; x++) data[y * side + x] = 255;
  return { data, width: side, height: side };
}

test('a drawing is scaled to its data’s size and centred by its mass, wherever it was drawn', () => {
  for (const [left, top, size] of [[10, 120, 40], [90, 20, 100]]) {
    const found = pixelsOf(square(196, left, top, size), 28, 28, MNIST);
    const inked = [...found].flatMap((level, i) => (level ? [[Math.floor(i / 28), i % 28]] : []));
    expect([Math.min(...inked.map(([r]) => r)), Math.max(...inked.map(([r]) => r))]).toEqual([4, 23]);
    expect([Math.min(...inked.map(([, c]) => c)), Math.max(...inked.map(([, c]) => c))]).toEqual([4, 23]);
    expect(found[14 * 28 + 14]).toBe(255);
  }
});

test('a level is the share of ink in its square, and dark ink on light paper is the other way round', () => {
  const half = { data: new Uint8Array([255, 0, 255, 255]), width: 2, height: 2 };
  const whole = { paper: 0, size: 1, row: 0.5, column: 0.5 };
  expect([...pixelsOf(half, 1, 1, whole)]).toEqual([191]);
  expect([...pixelsOf(half, 1, 1, { ...whole, paper: 255 })]).toEqual([64]);
});

test('a pen leaves ink as far as its radius, and the eraser takes it away', () => {
  const ink = emptyPad(40, 20);
  line(ink, [10, 10], [30, 10], 4);
  const level = (x: number, y: number) => ink.data[y * 40 + x];
  expect([level(20, 10), level(20, 7), level(7, 10), level(20, 3), level(3, 10)]).toEqual([255, 255, 255, 0, 0]);
  line(ink, [20, 0], [20, 19], 3, true);
  expect([level(20, 10), level(12, 10)]).toEqual([0, 255]);
});

test('an image that is put on the pad is read again much as it was: its edges are softer', () => {
  const pixels = pixelsOf(square(196, 50, 60, 77), 28, 28, MNIST);
  const again = pixelsOf(inkOf(pixels, 28, 28, 0, 196, 196), 28, 28, MNIST);
  expect(pixels.reduce((sum, level, i) => sum + Math.abs(again[i] - level), 0) / pixels.length).toBeLessThan(16);
  expect(again[14 * 28 + 14]).toBe(255);
});

test('nothing drawn is paper', () => {
  expect([...pixelsOf(square(8, 0, 0, 0), 2, 2, { ...MNIST, paper: 255 })]).toEqual([255, 255, 255, 255]);
});

test('a drawing in an address is the same pixels when it is read', () => {
  const pixels = pixelsOf(square(196, 50, 60, 77), 28, 28, MNIST);
  expect([...read(written(pixels, 0), 784, 0)!]).toEqual([...pixels]);
  expect(written(pixels, 0)).toMatch(/^[\w-]+$/);
  expect(read('no image', 784, 0)).toBeUndefined();
  expect(read('AP8', 784, 0)).toBeUndefined();
});

test('every unit has a place of its own, where it is found', () => {
  const found = planes([[1, 32, 32], [6, 28, 28], [16, 10, 10], [120, 1, 1], [300], [16, 64], [10]]);
  expect(found.map((plane) => plane.first)).toEqual([0, 1024, 5728, 7328, 7448, 7748, 8772]);
  for (const plane of found) {
    expect(plane.width).toBeLessThanOrEqual(201);
    for (let unit = 0; unit < plane.count; unit++) expect(unitAt(plane, ...middle(plane, unit))).toBe(unit);
  }
  expect(within(found[1], 28 * 28 + 28 + 5)).toEqual([1, 1, 5]);
  expect(unitAt(found[1], 28.5, 3)).toBe(-1); // between two maps
});

test('the unit beside another lies in the next map at a map’s edge', () => {
  const [plane] = planes([[6, 28, 28]]);
  expect(beside(plane, 0, 1, 0)).toBe(1);
  expect(beside(plane, 27, 1, 0)).toBe(28 * 28);
  expect(beside(plane, 28 * 28, -1, 0)).toBe(27);
  expect(beside(plane, 0, 0, -1)).toBe(0);
});

test('what a source brings is its weight times its value', () => {
  const values = new Float32Array([9, 2, -3, 4]);
  const sum = { sources: { shape: [2], data: Int32Array.from([2, 0]) }, slopes: { shape: [2], data: Float32Array.from([-2, 0.5]) } };
  expect([...products(values, 1, sum)]).toEqual([-8, 1]);
  expect(edges(values, 1, sum)).toEqual([{ source: 0, share: 0.125 }, { source: 2, share: -1 }]);
  expect(edges(new Float32Array(4), 1, sum).map(({ share }) => Math.abs(share))).toEqual([0, 0]);
});
