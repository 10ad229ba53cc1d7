import { expect, test } from 'vitest';
import { nextOf, type Step } from '../src/lib/tour.svelte';

const steps: Step[] = ['a', 'b', 'c'].map((at) => ({ at, title: at, text: at }));

test('a tour goes on at the first step that was not tried, in whatever order they were', () => {
  expect(nextOf(steps, [])?.at).toBe('a');
  expect(nextOf(steps, ['c', 'a'])?.at).toBe('b');
  expect(nextOf(steps, ['c', 'a', 'b', 'of another version'])).toBeUndefined();
});
