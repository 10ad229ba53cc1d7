import { expect, test } from 'vitest';
import { leastLoss, penalty, smoothed, tree } from '../src/components/translation/search';

const of = (ids: number[], log_probs: number[], ended = false) => ({ ids, log_probs, score: log_probs.reduce((a, b) => a + b, 0), ended });
const found = tree({
  greedy: of([5, 7], [-0.5, -2, -1], true),
  beams: [of([6, 8], [-1, -0.1, -0.1], true), of([5, 7], [-0.5, -2, -1], true)],
  searched: [[of([5], [-0.5]), of([6], [-1])], [of([6, 8], [-1, -0.1]), of([5, 7], [-0.5, -2])]],
});
const node = (key: string) => found.find((one) => one.key === key)!;

test('every text of the search stands once, under the one that it goes on from', () => {
  expect(found.map((one) => one.key)).toEqual(['', '5', '6', '6 8', '5 7', '6 8 .', '5 7 .']);
  expect(found.slice(1).map((one) => one.parent)).toEqual(['', '', '6', '5', '6 8', '5 7']);
  expect(found.slice(1).map((one) => [one.column, one.row])).toEqual([[0, 0], [0, 1], [1, 0], [1, 1], [2, 0], [2, 1]]);
});

test('a node knows its sums, its place among what is returned, and whether greedy search goes there', () => {
  expect(node('6 8').log_prob).toBeCloseTo(-1.1);
  expect(node('6 8').chance).toBeCloseTo(Math.exp(-0.1));
  expect([node('6 8 .').rank, node('5 7 .').rank, node('5 7').rank]).toEqual([1, 2, undefined]);
  expect(found.filter((one) => one.greedy).map((one) => one.key)).toEqual(['', '5', '5 7', '5 7 .']);
});

test('what led to nothing that is returned was given up', () => {
  const more = tree({ greedy: of([5], [-1, -1], true), beams: [of([5], [-1, -1], true)], searched: [[of([5], [-1]), of([6], [-2])]] });
  expect(more.filter((one) => !one.kept).map((one) => one.key)).toEqual(['6']);
});

test('a beam’s way is there where it ended before it was seen to go on', () => {
  const more = tree({ greedy: of([5], [-1, -1], true), beams: [of([5], [-1, -1], true)], searched: [] });
  expect(more.map((one) => one.key)).toEqual(['', '5', '5 .']);
});

test('the length penalty is that of the paper', () => {
  expect([penalty(1, 0.6), penalty(7, 1), penalty(9, 0)]).toEqual([1, 2, 1]);
});

test('a smoothed target sums to 1, and nothing has less loss than its entropy', () => {
  expect(smoothed(0.1, 20, true) + 19 * smoothed(0.1, 20, false)).toBeCloseTo(1);
  expect(leastLoss(0, 20)).toBeCloseTo(0);
  expect(leastLoss(1, 20)).toBeCloseTo(Math.log(20));
});
