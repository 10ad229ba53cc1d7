// The palette of the report, from the variables that it defines: fills for a canvas, and classes' names for the rest.

export const LEVELS = 16;

const known = new Map<string, string[]>();
const dark = matchMedia('(prefers-color-scheme: dark)');

/** A scale's 16 colours on the paper in use. */
export function scale(name: 'heat' | 'above' | 'below' | 'chance' | 'surprise'): string[] {
  const key = `${name} ${dark.matches}`; // asked for each time: who paints anew may hear of the change before this file
  let found = known.get(key);
  if (!found) {
    const style = getComputedStyle(document.documentElement);
    found = Array.from({ length: LEVELS }, (_, i) => style.getPropertyValue(`--${name}${i}`).trim());
    known.set(key, found);
  }
  return found;
}

/** The level of a share in [0, 1]; beyond it the end of the scale, 0 for what is no number. */
export function level(share: number): number {
  return Number.isNaN(share) ? 0 : Math.round(Math.min(1, Math.max(0, share)) * (LEVELS - 1));
}

/** A signed number's colour: orange above zero, blue below, by its share of `most`. */
export function signed(value: number, most: number): string {
  return scale(value < 0 ? 'below' : 'above')[level(most > 0 ? Math.abs(value) / most : 0)];
}

/** The same as a name that a class or a variable has: above7. */
export function signedName(value: number, most: number): string {
  return `${value < 0 ? 'below' : 'above'}${level(most > 0 ? Math.abs(value) / most : 0)}`;
}

/** The place of a signed number's colour among the 32 of `signedBytes`, by its share of `most`; what is no number is 0. */
export function signedPlace(value: number, most: number): number {
  const far = level(most > 0 ? Math.abs(value) / most : 0);
  return value < 0 ? LEVELS - 1 - far : LEVELS + far;
}

/** Red, green, blue of #rrggbb, each 0 to 255. */
export function rgb(colour: string): [number, number, number] {
  return [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16)) as [number, number, number];
}

/** Colours of a signed scale as bytes, 4 a level: below's last to first, then above's first to last; 32 levels. */
export function signedBytes(): Uint8ClampedArray {
  const colours = [...scale('below').toReversed(), ...scale('above')];
  return new Uint8ClampedArray(colours.flatMap((colour) => [...rgb(colour), 255]));
}
