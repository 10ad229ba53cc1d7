// What the studio says of a prompt's way through a GPT (glassworks/studio/questions/transformer.py).
// W tokens drawn, L blocks, H heads, K key/value heads, C width, D head width, F neurons, V vocabulary.

import type { NDArray } from '../../lib/wire';

export interface Facts {
  architecture: 'gpt2' | 'llama' | 'qwen3' | 'nanochat';
  layers: number;
  heads: number;
  kv_heads: number;
  width: number;
  head_width: number;
  neurons: number;
  vocabulary: number;
  context: number;
  gated: boolean;
  tied: boolean;
  eps: number;
  softcap: number | null;
  parameters: number;
}

export interface Forward {
  model: Facts;
  ids: number[];
  tokens: string[];
  dropped: number; // tokens before what the model reads
  start: number; // the first token drawn, among those that are read
  read: number;
  ended: boolean;
  position: number; // whose prediction it is, among those that are read
  patterns: NDArray; // (L, H, W, W)
  before: NDArray; // (L, H, W), weight of tokens that are not drawn
  embed: NDArray; // (W, C)
  places: NDArray | null; // (W, C), gpt2's learned positions
  stream: NDArray; // (C,)
  normed: NDArray; // (C,)
  raw: NDArray | null; // (V,), before the softcap
  logits: NDArray; // (V,)
  plain: NDArray | null; // (V,), without the edits
  listed: number[];
  texts: string[];
  unknown: NDArray<Int32Array>;
}

export type OfBlock =
  | 'resid_pre' | 'norm1' | 'raw_q' | 'raw_k' | 'raw_v' | 'q' | 'k' | 'v' | 'z' | 'attn_out' | 'resid_mid'
  | 'norm2' | 'up' | 'gate' | 'post' | 'mlp_out' | 'resid_post' | 'cos' | 'sin';

export type Block = Record<OfBlock, NDArray>; // (W, ...); gate, cos and sin only where the architecture has them

export interface Matrix {
  weight: NDArray; // (in, out), some columns
  bias: NDArray | null;
  first: number;
  columns: number;
}

export interface Norms {
  [name: string]: { weight: NDArray | null; bias: NDArray | null };
}

export interface Lens {
  top_ids: NDArray<Int32Array>; // (L + 1, W, 5)
  top_probabilities: NDArray;
  entropy: NDArray; // (L + 1, W)
  kl: NDArray;
  kl_untrained: NDArray;
  next_rank: NDArray<Int32Array>; // (L + 1, W − 1)
  rank: NDArray<Int32Array>; // (L + 1, W, 5)
  probability: NDArray;
  watched: NDArray<Int32Array>; // (5,)
  ids: number[];
  texts: string[];
}

export interface Edit {
  part: 'head' | 'neuron' | 'edge';
  block: number;
  unit: number;
  scale: number;
  query?: number;
  key?: number;
}

export interface Data {
  run: string;
  step?: number;
  /** Where there is no studio to ask: all of it. */
  forward?: Forward;
  blocks?: Record<number, Block>;
  /** Weights by what they are: q.1.0.64 is W_Q of head 0 in block 1, from column 64 on. */
  matrices?: Record<string, Matrix>;
  norms?: Record<number, Norms>;
  lens?: Lens;
  text?: string;
}

export const PARTS = [
  'embed', 'norm1', 'q', 'k', 'v', 'scores', 'z', 'attn_out', 'resid_mid', 'norm2', 'up', 'post', 'mlp_out', 'resid_post', 'logits',
] as const;
export type Part = (typeof PARTS)[number];

export type View = 'flow' | 'lines' | 'heads' | 'products' | 'lens' | 'saliency' | 'training';

export interface OfToken {
  cut: NDArray; // (T,), nats
  replaced: NDArray;
  gradient: NDArray;
  log_probability: number;
  correlation: number | null;
}

export interface Saliency {
  tokens: string[];
  first: number;
  target: string;
  model: OfToken;
  untrained: OfToken;
}

export interface Training {
  stops: string[];
  chance: NDArray; // (stop, token)
  ids: number[];
  texts: string[];
  follows: number | null;
  loss: NDArray | null; // (stop,), nats
}
