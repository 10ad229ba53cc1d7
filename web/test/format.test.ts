import { expect, test } from 'vitest';
import { short, time, visible } from '../src/lib/format';

test('numbers are short, and say what is none', () => {
  expect([0, 1234567, 0.03125, -0.5, 1.23456e-7, NaN, null, Infinity].map((x) => short(x))).toEqual(['0', '1,234,567', '0.0313', '−0.5', '1.23e−7', '–', '–', '∞']);
});

test('seconds are read as a clock', () => {
  expect([3.14159, 65, 3725, null].map((x) => time(x))).toEqual(['3.1 s', '1:05', '1:02:05', '']);
});

test('white space of a token can be seen', () => {
  expect(visible(' a\n')).toBe('·a⏎');
});
