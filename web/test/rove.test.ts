import { expect, test } from 'vitest';
import { neighbour } from '../src/lib/rove';

test('arrow keys lead to the neighbour and stay within the picture; other keys lead nowhere', () => {
  expect(neighbour('ArrowUp', [2, 1], 3, 4)).toEqual([1, 1]);
  expect(neighbour('ArrowDown', [2, 1], 3, 4)).toEqual([2, 1]);
  expect(neighbour('ArrowLeft', [2, 0], 3, 4)).toEqual([2, 0]);
  expect(neighbour('ArrowRight', [2, 0], 3, 4)).toEqual([2, 1]);
  expect(neighbour('End', [1, 0], 3, 4)).toEqual([1, 3]);
  expect(neighbour('Home', [1, 3], 3, 4)).toEqual([1, 0]);
  expect(neighbour('Enter', [1, 0], 3, 4)).toBeUndefined();
});
