import { beforeAll, expect, test, vi } from 'vitest';

// A page of two schemes: colours are what its style says at the time.
const page = { dark: false };
let colours: typeof import('../src/lib/colours');
beforeAll(async () => {
  vi.stubGlobal('matchMedia', () => ({ get matches() { return page.dark; } }));
  vi.stubGlobal('document', { documentElement: null });
  vi.stubGlobal('getComputedStyle', () => ({ getPropertyValue: (name: string) => (page.dark ? ` dark${name}` : ` light${name}`) }));
  colours = await import('../src/lib/colours');
});

test('a signed number has its place among the 32 colours, from the most below zero to the most above', () => {
  const { signedPlace } = colours;
  expect([-2, -1, -1e-9, 0, 1e-9, 0.5, 1, 2].map((value) => signedPlace(value, 1))).toEqual([0, 0, 15, 16, 16, 24, 31, 31]);
  expect([signedPlace(3, 0), signedPlace(NaN, 1), signedPlace(-3, 0)]).toEqual([16, 16, 15]);
});

test('a scale is that of the paper in use, whoever asks first after it has changed', () => {
  expect(colours.scale('heat')[3]).toBe('light--heat3');
  page.dark = true;
  expect(colours.signed(0.2, 1)).toBe('dark--above3');
  expect(colours.scale('heat')[3]).toBe('dark--heat3');
  page.dark = false;
  expect(colours.scale('heat')[3]).toBe('light--heat3');
});
