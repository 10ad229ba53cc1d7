// What the studio says of a translation (glassworks/studio/questions/translation.py).
// S source tokens, T target tokens with the start, L layers, H heads, C width, D head width, F neurons, U tokens listed.

import type { NDArray } from '../../lib/wire';

export type Stack = 'encoder' | 'decoder';
export type Part = 'attn' | 'cross' | 'mlp';
export type View = 'zoom' | 'steps' | 'heads' | 'lines' | 'positions' | 'norm' | 'film' | 'output' | 'search';

export interface Facts {
  layers: Record<Stack, number>;
  heads: number;
  width: number;
  head_width: number;
  neurons: number;
  activation: string;
  vocabulary: number;
  context: number;
  end: number;
  eps: number;
  parameters: number;
}

export interface Hypothesis {
  ids: number[];
  log_probs: number[]; // nats; of the end, too, where it ended
  score: number; // their sum over the length penalty
  ended: boolean;
}

export interface Forward {
  model: Facts;
  source: { ids: number[]; tokens: string[] };
  target: { ids: number[]; tokens: string[] };
  given: boolean; // whether the decoder reads a given target
  says: string;
  wanted: string | null;
  wanted_ids: number[]; // with the end
  patterns: Record<Stack | 'cross', NDArray[]>; // of each layer (H, queries, keys)
  source_embedding: NDArray; // (S, C), times √C
  source_positions: NDArray;
  written_embedding: NDArray; // (T, C)
  written_positions: NDArray;
  source_input: NDArray; // the sum of both: what the encoder reads
  written_input: NDArray;
  last: NDArray; // (T, C)
  listed: number[];
  logits: NDArray; // (T, U)
  log_total: NDArray; // (T,), ln Σ exp(logit)
  probabilities: NDArray; // (T, U)
  untrained: NDArray; // (T, U)
  unembed: NDArray; // (U, C)
  smoothing: number;
  loss: (number | null)[];
  untrained_loss: (number | null)[];
  of_run: boolean; // or of a folder, of which it is not known how it was trained
  seed: number;
  alpha: number;
  width_of_beam: number;
  greedy: Hypothesis;
  beams: Hypothesis[];
  searched: Hypothesis[][];
  texts: Record<number, string>;
}

/** Tensors of a layer by the names of their taps, `before` it and `memory`. */
export type Layer = Record<string, NDArray>;

/** W_Q, W_K, W_V (H, C, D), W_O (H, D, C), or W_up, W_down; b_Q ...; gain and bias of the norm. */
export type Weights = Record<string, NDArray>;

export interface Positions {
  concatenated: NDArray; // (P, C)
  interleaved: NDArray;
}

export interface Pair {
  source: string;
  target: string;
}

export interface Data {
  run: string;
  step?: number | null;
  text?: string;
  /** Where there is no studio to ask: all of it. */
  forward?: Forward;
  layers?: Record<string, Layer>;
  weights?: Record<string, Weights>;
  positions?: Positions;
}
