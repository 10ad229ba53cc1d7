// Beam search as a tree: every hypothesis that went on, under the one that it goes on from; and what a target is.

import type { Forward, Hypothesis } from './types';

export interface Node {
  key: string;
  ids: number[];
  /** The last token; undefined at the root. */
  id: number | undefined;
  parent: string | undefined;
  column: number;
  row: number;
  /** Of all so far, in nats. */
  log_prob: number;
  score: number;
  /** Of this token, given those before. */
  chance: number;
  ended: boolean;
  /** Whether greedy search goes here, too. */
  greedy: boolean;
  /** The place among what is returned, from 1; undefined for what is not. */
  rank: number | undefined;
  /** Whether something returned comes from here. */
  kept: boolean;
}

const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);
const keyOf = (ids: number[], ended: boolean) => `${ids.join(' ')}${ended ? ' .' : ''}`;

/** The nodes of the search, column by column, the likeliest of a column first; ends stand with those that go on. */
export function tree({ searched, beams, greedy }: Pick<Forward, 'searched' | 'beams' | 'greedy'>): Node[] {
  const columns: Map<string, { of: Hypothesis; ended: boolean }>[] = [];
  const put = (of: Hypothesis, ended: boolean, column: number) => {
    while (columns.length <= column) columns.push(new Map());
    columns[column].set(keyOf(of.ids, ended), { of, ended });
  };
  searched.forEach((going) => going.forEach((of) => put(of, false, of.ids.length - 1)));
  beams.forEach((of) => {
    for (let length = 1; length <= of.ids.length; length++) {
      const ids = of.ids.slice(0, length);
      const there = columns[length - 1]?.has(keyOf(ids, false));
      if (!there) put({ ids, log_probs: of.log_probs.slice(0, length), score: NaN, ended: false }, false, length - 1);
    }
    if (of.ended) put(of, true, of.ids.length);
  });
  const ranks = new Map(beams.map((of, i) => [keyOf(of.ids, of.ended), i + 1]));
  const onGreedy = new Set(greedy.ids.map((_, i) => keyOf(greedy.ids.slice(0, i + 1), false)));
  if (greedy.ended) onGreedy.add(keyOf(greedy.ids, true));
  const kept = new Set<string>();
  for (const of of beams) for (let length = 0; length <= of.ids.length; length++) kept.add(keyOf(of.ids.slice(0, length), false));
  const root: Node = { key: '', ids: [], id: undefined, parent: undefined, column: -1, row: 0, log_prob: 0, score: 0, chance: 1, ended: false, greedy: true, rank: undefined, kept: true };
  return [
    root,
    ...columns.flatMap((column, c) =>
      [...column.entries()]
        .toSorted(([, a], [, b]) => sum(b.of.log_probs) - sum(a.of.log_probs))
        .map(([key, { of, ended }], row): Node => ({
          key,
          ids: of.ids,
          id: ended ? undefined : of.ids.at(-1),
          parent: keyOf(ended ? of.ids : of.ids.slice(0, -1), false),
          column: c,
          row,
          log_prob: sum(of.log_probs),
          score: of.score,
          chance: Math.exp(of.log_probs.at(-1) ?? 0),
          ended,
          greedy: onGreedy.has(key),
          rank: ranks.get(key),
          kept: kept.has(key) || ranks.has(key),
        })),
    ),
  ];
}

/** ((5 + length) / 6)^alpha, by which a log-probability is divided (Wu et al. 2016, eq. 14). */
export function penalty(length: number, alpha: number): number {
  return ((5 + length) / 6) ** alpha;
}

/** A token's part of a one-hot target of which a share is given to all tokens alike. */
export function smoothed(share: number, vocabulary: number, right: boolean): number {
  return (right ? 1 - share : 0) + share / vocabulary;
}

/** The loss, in nats, of a network that says the smoothed target itself: its entropy. */
export function leastLoss(share: number, vocabulary: number): number {
  const [right, other] = [smoothed(share, vocabulary, true), smoothed(share, vocabulary, false)];
  return -right * Math.log(right) - (other ? (vocabulary - 1) * other * Math.log(other) : 0);
}
