// How the next token is chosen from its logits: as glassworks/models/generation/choice.py does it, filter by filter.

export interface Sampling {
  temperature: number; // 0 = always the likeliest
  topK: number; // 0 = all
  topP: number; // 1 = all
}

export interface Candidates {
  /** Every token, the likeliest first. */
  order: Int32Array;
  /** Of each place of `order`: its chance to be drawn, 0 where a filter takes it out. */
  chance: Float64Array;
  /** exp((logit − largest) / temperature), of those that top-k leaves. */
  weight: Float64Array;
  /** The sum of the weights that top-k leaves, and of those that top-p leaves, too. */
  sum: number;
  kept: number;
  /** How many stay. */
  count: number;
}

/** Ids from the likeliest to the least likely; of two that tie, the smaller first. Unknown ones are left out. */
export function ordered(logits: Float32Array, unknown: Iterable<number> = []): Int32Array {
  const out = new Set(unknown);
  const ids = Int32Array.from(logits.keys()).filter((id) => !out.has(id));
  return ids.sort((a, b) => logits[b] - logits[a] || a - b);
}

export function candidates(logits: Float32Array, order: Int32Array, how: Sampling): Candidates {
  const left = how.temperature === 0 ? 1 : how.topK > 0 ? Math.min(how.topK, order.length) : order.length;
  const weight = new Float64Array(order.length);
  const chance = new Float64Array(order.length);
  const top = logits[order[0]];
  let sum = 0;
  for (let i = 0; i < left; i++) sum += weight[i] = how.temperature === 0 ? 1 : Math.exp((logits[order[i]] - top) / how.temperature);
  let count = 0;
  let kept = 0;
  while (count < left && (count === 0 || how.topP >= 1 || kept / sum < how.topP)) kept += weight[count++];
  for (let i = 0; i < count; i++) chance[i] = weight[i] / kept;
  return { order, chance, weight, sum, kept, count };
}

/** The place in `order` at which the chances' sum passes `uniform`, a number from 0 to 1. */
export function drawn(of: Candidates, uniform: number): number {
  let sum = 0;
  for (let i = 0; i < of.count; i++) {
    sum += of.chance[i];
    if (sum > uniform) return i;
  }
  return of.count - 1;
}

/** Chances of all tokens as they are, by id: softmax of the logits. */
export function softmax(logits: Float32Array): Float64Array {
  const top = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const weight = Float64Array.from(logits, (logit) => Math.exp(logit - top));
  const sum = weight.reduce((a, b) => a + b, 0);
  return weight.map((x) => x / sum);
}

/** By how many nats `other` misjudges what `p` says: KL(p ‖ other). */
export function divergence(p: Float64Array, other: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < p.length; i++) if (p[i] > 0) sum += p[i] * Math.log(p[i] / other[i]);
  return Math.max(0, sum);
}
