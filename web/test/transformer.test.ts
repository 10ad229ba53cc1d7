import { expect, test } from 'vitest';
import { changed, nameOf, read, without, written } from '../src/components/transformer/edits';
import type { Edit } from '../src/components/transformer/types';
import { activated } from '../src/lib/activations';
import { column, columns, middle, products, shown, terms } from '../src/lib/grids';
import { normed, turned } from '../src/lib/norms';

const edits: Edit[] = [
  { part: 'head', block: 2, unit: 1, scale: 0 },
  { part: 'neuron', block: 0, unit: 45, scale: 1.5 },
  { part: 'edge', block: 1, unit: 3, scale: 0, query: 7, key: 2 },
];

test('edits are read from the address as they were written', () => {
  expect(written(edits)).toBe('h2.1:0 n0.45:1.5 e1.3.7.2:0');
  expect(read(written(edits))).toEqual(edits);
  expect(read('h1:0 x2.1:0 e1.2:0 nonsense')).toEqual([]);
  expect(written([])).toBeUndefined();
});

test('an edit takes the place of one of the same part, and goes', () => {
  const more = changed(edits, { ...edits[0], scale: 2 });
  expect(more.map(nameOf)).toEqual(['n0.45', 'e1.3.7.2', 'h2.1']);
  expect(without(more, edits[0])).toHaveLength(2);
});

test('parts of grids are where they lie', () => {
  const grid = { shape: [2, 3], data: new Float32Array([1, 2, 3, 4, 5, 6]) };
  expect([...column(grid, 1)]).toEqual([2, 5]);
  expect([...columns(grid, 1, 9).data]).toEqual([2, 3, 5, 6]);
  expect([...middle({ shape: [2, 3, 1], data: grid.data }, 2).data]).toEqual([3, 6]);
  expect([...products(grid, grid).data]).toEqual([14, 32, 32, 77]);
});

test('a narrow strip shows of each pixel’s columns the one of largest size', () => {
  expect([...shown(new Float32Array([1, -5, 2, 0, 3, 4]), 3)]).toEqual([1, 2, 5]);
  expect([...shown(new Float32Array([1, 2]), 5)]).toEqual([0, 1]);
});

test('the terms of a sum are all there', () => {
  const { first, rest, others, sum } = terms([1, 2, 3], [4, -5, 6], 1);
  expect(first).toEqual([{ index: 2, left: 3, right: 6, product: 18 }]);
  expect([rest, others, sum]).toEqual([-6, 2, 12]);
});

test('norms and turning by hand', () => {
  expect([...normed([3, 4], 0, false)]).toEqual([3 / Math.sqrt(12.5), 4 / Math.sqrt(12.5)]);
  expect([...normed([1, 3], 0, true)]).toEqual([-1, 1]);
  expect([...turned([1, 2, 3, 4], [0, 1, 0, 1], [-1, 0, 1, 0])]).toEqual([-3, 2, 1, 4]);
  expect(activated('nanochat', -2)).toBe(0);
  expect(activated('nanochat', 3)).toBe(9);
  expect(activated('llama', 0)).toBe(0);
  expect(activated('gpt2', 1)).toBeCloseTo(0.841192, 5);
});
