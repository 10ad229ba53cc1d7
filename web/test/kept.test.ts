import { expect, test } from 'vitest';
import { replaying } from '../src/lib/kept';

test('a page answers what it was kept with, whatever the order of the arguments, and refuses all else in a line', async () => {
  const ask = replaying([
    { question: 'a.b', args: { n: 1, of: [1, 2] }, answer: { is: 'first' } },
    { question: 'a.c', args: { n: 1, of: [1, 2] }, answer: { is: 'other' } },
  ]);
  expect(await ask('a.b', { of: [1, 2], n: 1, step: undefined })).toEqual({ is: 'first' });
  expect(await ask('a.c', { n: 1, of: [1, 2] })).toEqual({ is: 'other' });
  for (const args of [{ n: 1 }, { n: 1, of: [2, 1] }, { n: 2, of: [1, 2] }]) {
    await expect(ask('a.b', args)).rejects.toThrow('the studio has the rest');
  }
});
