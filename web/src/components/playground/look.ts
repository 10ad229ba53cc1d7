// What the studio says of a playground (glassworks/studio/questions/playground.py).

import type { NDArray } from '../../lib/wire';
import type { Layer, Output } from './net';

export interface Method {
  name: string;
  line: string;
  kind: 'gradient' | 'search' | 'rule';
  when: string;
  takes: Record<string, number | null>;
}

export interface Choices {
  sets: Record<string, string>;
  features: Record<string, string>;
  activations: string[];
  methods: Method[];
  most: { layers: number; width: number };
}

export interface Settings {
  data: string;
  points: number;
  noise: number;
  share: number;
  batch: number;
  seed: number;
  features: string[];
  layers: number[];
  activation: string;
  loss: 'squares' | 'entropy';
  optimizer: string;
  lr: number | null;
  momentum: number;
  population: number | null;
  sigma: number | null;
  penalty: string;
  strength: number;
  schedule: string;
  horizon: number;
  own: string;
}

export interface Points {
  inputs: NDArray;
  targets: NDArray<Float32Array | Int32Array>;
  train: number;
}

/** Where on a plane through the weights a training was, is, and looked. */
export interface Placed {
  way?: NDArray;
  way_step?: NDArray<Int32Array>;
  members?: NDArray;
  within?: number;
}

export interface Look {
  settings: Settings;
  step: number;
  epoch: number;
  batch: number;
  lr: number | null;
  failed: string;
  layers: Layer[];
  losses: { train: number | null; test: number | null };
  right: { train: number; test: number } | null;
  curve: { step: NDArray<Int32Array>; train: NDArray; test: NDArray };
  output: Output;
  classes: string[];
  key: string;
  points: Points | null;
  members: { weights: NDArray; losses: NDArray; of: number } | null;
  placed: Placed;
}

export interface Plane extends Placed {
  loss: NDArray;
  ticks: NDArray;
  step: number;
}

export interface Graph {
  point: number;
  step: number;
  svg: string;
  names: string[];
  data: number[];
  grads: number[];
  made: string[];
  backward: { value: number; operands: number[]; grads: string[]; words: string[] }[];
}

/** Settings that may change in the middle of a training; all others begin it anew. */
export const LIVE = ['lr', 'batch', 'penalty', 'strength'];

/** A link's texts with changed ones; what is the default needs no text, so undefined and '' take one away. */
export type Link = Record<string, string | undefined>;

/** The changes by hand up to now folded into the settings: what a training that begins anew starts with. */
export function folded(link: Link): Link {
  const found: Link = { ...link, edits: undefined, step: undefined };
  for (const part of (link.edits ?? '').split(',')) {
    const [, name, value] = part.split(':');
    if (LIVE.includes(name)) found[name] = value;
  }
  return found;
}

/** The edits with one more at a step; an earlier one of the same thing at the same step goes. */
export function edited(edits: string, step: number, what: string, value: string): string {
  const kept = edits.split(',').filter((part) => part && !part.startsWith(`${step}:${what}:`));
  return [...kept, `${step}:${what}:${value}`].join(',');
}

/** What can be looked at beside the network. */
export const VIEWS = { surface: 'Loss surface', candidates: 'Candidates', scalar: 'Scalar graph', export: 'Take it away' } as const;
export type View = keyof typeof VIEWS;

export interface PlaygroundData {
  choices: Choices;
  /** What the address says: settings by their names, the step, the edits, what is open. */
  link: Link;
  /** Where it stands, for a page that has no Python to ask. */
  look?: Look;
}

/** What an address asks Python for: the settings, and the edits on the way; the rest is how it is looked at. */
export function askedOf(link: Link): { link: Link; edits: string } {
  const { step: _, edits = '', speed: _s, view: _v, discrete: _d, test: _t, point: _p, ...settings } = link;
  return { link: Object.fromEntries(Object.entries(settings).filter(([, value]) => value)), edits };
}

export interface Unit {
  depth: number; // 0: a feature; behind the last hidden layer: an output
  row: number;
}

/** What a unit is called. */
export function nameOf({ depth, row }: Unit, choices: Choices, settings: Settings, layers: Layer[], classes: string[]): string {
  if (!depth) return choices.features[settings.features[row]];
  if (depth < layers.length) return `neuron ${depth}.${row + 1}`;
  return classes.length && layers[depth - 1].bias.data.length > 1 ? `output for ${classes[row]}` : 'output';
}
