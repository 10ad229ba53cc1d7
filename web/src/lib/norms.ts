// The norms of our GPTs, and the turning of queries and keys by their place, number by number.

import type { NDArray } from './wire';

export interface Statistics {
  mean: number; // 0 in RMSNorm, which takes none off
  scale: number; // what is divided by
}

export function statistics(x: ArrayLike<number>, eps: number, centred: boolean): Statistics {
  let mean = 0;
  if (centred) for (let i = 0; i < x.length; i++) mean += x[i] / x.length;
  let square = 0;
  for (let i = 0; i < x.length; i++) square += (x[i] - mean) ** 2 / x.length;
  return { mean, scale: Math.sqrt(square + eps) };
}

export function normed(x: ArrayLike<number>, eps: number, centred: boolean, gain?: NDArray | null, bias?: NDArray | null): Float64Array {
  const { mean, scale } = statistics(x, eps, centred);
  return Float64Array.from({ length: x.length }, (_, i) => ((x[i] - mean) / scale) * (gain?.data[i] ?? 1) + (bias?.data[i] ?? 0));
}

/** Each half against the other (RoPE): x·cos + other half·sin; the sines have their signs. */
export function turned(x: ArrayLike<number>, cos: ArrayLike<number>, sin: ArrayLike<number>): Float64Array {
  const half = x.length / 2;
  return Float64Array.from({ length: x.length }, (_, i) => x[i] * cos[i] + x[(i + half) % x.length] * sin[i]);
}
