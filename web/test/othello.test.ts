import { expect, test } from 'vitest';
import { called, colourOf, likeliest, movesIn, readOf } from '../src/components/othello/kinds';

test('squares are called by column and row, and the pass by its name', () => {
  expect([0, 8, 35, 36].map((square) => called(square, 6))).toEqual(['a1', 'c2', 'f6', 'pass']);
  expect(movesIn('14-8-36')).toEqual([14, 8, 36]);
  expect(movesIn(undefined)).toEqual([]);
});

test('mine is the colour of whoever moves', () => {
  expect([0, 1, 2].map((state) => colourOf(state, true))).toEqual([0, 1, 2]);
  expect([0, 1, 2].map((state) => colourOf(state, false))).toEqual([0, 2, 1]);
});

test('the likeliest move may be illegal, and the likeliest legal one is another', () => {
  expect(likeliest([0.1, 0.5, 0.3, 0.1], [1, 0, 1, 0])).toEqual({ any: 1, allowed: 2 });
  expect(likeliest([0.9, 0.1], [0, 0]).allowed).toBe(-1);
});

test('a probe reads the likeliest state, as surely as it says', () => {
  expect(readOf([0, 0, 0, 0.1, 0.7, 0.2, 0.5, 0.25, 0.25], 3, 2)).toEqual({ states: [1, 0], sure: [0.7, 0.5] });
});
