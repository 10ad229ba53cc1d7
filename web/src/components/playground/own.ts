// Points of one's own as a text of a link (glassworks/studio/playground/points.py): two digits a coordinate.

import type { Points } from './look';
import { REACH } from './net';

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const FINE = DIGITS.length ** 2 - 1;
export const MOST_OWN = 1000;

function two(share: number): string {
  const level = Math.round(Math.min(1, Math.max(0, share)) * FINE);
  return DIGITS[Math.floor(level / DIGITS.length)] + DIGITS[level % DIGITS.length];
}

/** A point's digits; `classes` is 0 where targets are numbers from -1 to 1. */
export function digits(x: number, y: number, target: number, classes: number): string {
  const what = classes ? DIGITS[target] : two((target + 1) / 2);
  return two((x + REACH) / (2 * REACH)) + two((y + REACH) / (2 * REACH)) + what;
}

export function classesOf(own: string): number {
  return own.startsWith('c') ? Number(own.slice(1, own.indexOf('.'))) : own ? 0 : 2;
}

/** The text with one more point. A class beyond those there are makes one more class. */
export function added(own: string, x: number, y: number, target: number): string {
  const classes = classesOf(own);
  const rest = own.slice(own.indexOf('.') + 1);
  const size = classes ? 5 : 6;
  if (rest.length / size >= MOST_OWN) return own;
  const kind = classes ? `c${Math.max(classes, target + 1)}.` : 'n.';
  return kind + rest + digits(x, y, target, classes);
}

/** The text without its last point; nothing where that was the only one. */
export function shortened(own: string): string {
  const start = own.indexOf('.') + 1;
  const size = own.startsWith('c') ? 5 : 6;
  return own.length - size <= start ? '' : own.slice(0, -size);
}

export function countOf(own: string): number {
  return own ? (own.length - own.indexOf('.') - 1) / (own.startsWith('c') ? 5 : 6) : 0;
}

/** Many points at once, at most as many as a link holds. */
export function encoded(inputs: Float32Array, targets: ArrayLike<number>, classes: number): string {
  const parts = [classes ? `c${classes}.` : 'n.'];
  for (let i = 0; i < Math.min(MOST_OWN, targets.length); i++) parts.push(digits(inputs[2 * i], inputs[2 * i + 1], targets[i], classes));
  return parts.join('');
}

/** The points of a text, as far as it is one: what is drawn before Python has seen it. */
export function decoded(own: string): Points {
  const classes = classesOf(own);
  const rest = own.slice(own.indexOf('.') + 1);
  const size = classes ? 5 : 6;
  const count = countOf(own);
  const [inputs, targets] = [new Float32Array(2 * count), new Float32Array(count)];
  const share = (at: number) => (DIGITS.indexOf(rest[at]) * DIGITS.length + DIGITS.indexOf(rest[at + 1])) / FINE;
  for (let i = 0; i < count; i++) {
    inputs[2 * i] = (2 * share(size * i) - 1) * REACH;
    inputs[2 * i + 1] = (2 * share(size * i + 2) - 1) * REACH;
    targets[i] = classes ? DIGITS.indexOf(rest[size * i + 4]) : 2 * share(size * i + 4) - 1;
  }
  return { inputs: { shape: [count, 2], data: inputs }, targets: { shape: [count], data: targets }, train: count };
}
