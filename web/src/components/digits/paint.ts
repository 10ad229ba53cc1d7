// Colours of units and edges: signed, each stage by its own largest number.

import { LEVELS, rgb, scale, signedPlace } from '../../lib/colours';
import { largest, type Plane } from './layout';

/** 32 colours as texts, from the most below zero to the most above. */
export function texts(): string[] {
  return [...scale('below').toReversed(), ...scale('above')];
}

/** The colours of what is written on them. */
export function on(): string[] {
  const style = getComputedStyle(document.documentElement);
  const of = (name: string) => Array.from({ length: LEVELS }, (_, i) => style.getPropertyValue(`--on-${name}${i}`).trim());
  return [...of('below').toReversed(), ...of('above')];
}

/** The same as bytes of red, green, blue, each colour's behind one another. */
export function bytes(): Uint8Array {
  return Uint8Array.from(texts().flatMap((colour) => rgb(colour)));
}

/** The colour of every unit, as one of the 32. */
export function coloured(planes: Plane[], values: Float32Array): Uint8Array {
  const found = new Uint8Array(values.length);
  for (const { first, count } of planes) {
    const most = largest(values.subarray(first, first + count));
    for (let i = first; i < first + count; i++) found[i] = signedPlace(values[i], most);
  }
  return found;
}
