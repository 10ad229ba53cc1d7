import { expect, test } from 'vitest';
import { candidates, divergence, drawn, ordered, softmax } from '../src/lib/sampling';

const logits = new Float32Array([0, 2, 1, -1, 2]);
const order = ordered(logits);

test('the likeliest comes first, of two that tie the smaller id, and unknown ids not at all', () => {
  expect([...order]).toEqual([1, 4, 2, 0, 3]);
  expect([...ordered(logits, [1, 2])]).toEqual([4, 0, 3]);
});

test('chances are a softmax of logits divided by the temperature', () => {
  const { chance, count } = candidates(logits, order, { temperature: 0.5, topK: 0, topP: 1 });
  const weight = [4, 4, 2, 0, -2].map(Math.exp);
  const sum = weight.reduce((a, b) => a + b);
  weight.forEach((x, i) => expect(chance[i]).toBeCloseTo(x / sum, 12));
  expect(count).toBe(5);
});

test('top-k keeps so many, and top-p the fewest that reach its sum; what stays sums to 1', () => {
  const three = candidates(logits, order, { temperature: 1, topK: 3, topP: 1 });
  expect(three.count).toBe(3);
  expect(three.chance.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
  const two = candidates(logits, order, { temperature: 1, topK: 3, topP: three.chance[0] + 0.01 });
  expect([two.count, two.chance[0], two.chance[2]]).toEqual([2, 0.5, 0]);
  expect(candidates(logits, order, { temperature: 1, topK: 0, topP: 1e-9 }).count).toBe(1);
});

test('temperature 0 takes the likeliest', () => {
  expect(candidates(logits, order, { temperature: 0, topK: 0, topP: 1 }).count).toBe(1);
});

test('a draw is where the sum of chances passes it', () => {
  const of = candidates(logits, order, { temperature: 1, topK: 2, topP: 1 });
  expect([0, 0.49, 0.51, 1].map((uniform) => drawn(of, uniform))).toEqual([0, 0, 1, 1]);
});

test('nothing is apart from itself, and what is apart is by a sum of logarithms', () => {
  const p = softmax(logits);
  expect(divergence(p, p)).toBe(0);
  expect(divergence(new Float64Array([0.5, 0.5]), new Float64Array([0.25, 0.75]))).toBeCloseTo(0.5 * Math.log(2) + 0.5 * Math.log(2 / 3), 12);
});
