// The logged numbers of runs, as columns that grow while the runs train.

import type { Ask } from './ask';
import { Points } from './curves';
import type { Row, watch } from './live.svelte';
import type { NDArray } from './wire';

interface Answer {
  name: string;
  names: string[];
  columns: Record<string, NDArray>;
  rows: number;
  to: number;
  file: string;
}

export type Axis = 'step' | 'seconds';

/** Curves of some runs' numbers, kept up to date; `version` counts what was appended. */
export class Metrics {
  names = $state<string[]>([]);
  version = $state(0);
  failure = $state<Error | undefined>();
  loaded = $state(false);
  #points = new Map<string, Points>();
  #stops: (() => void)[] = [];
  #ended = false;

  constructor(
    readonly runs: string[],
    readonly columns: string[],
    readonly axis: Axis,
    private readonly ask: Ask,
    /** How appended rows are heard of; not at all where nobody tells. */
    private readonly follow?: typeof watch,
    /** What is asked for, where that is more than what is drawn. */
    private readonly whole?: string[],
  ) {
    void this.#load(runs);
  }

  points(run: string, column: string): Points {
    return this.#points.get(`${run}\n${column}`) ?? new Points();
  }

  stop(): void {
    this.#ended = true;
    this.#stops.forEach((stop) => stop());
  }

  async #load(runs: string[]): Promise<void> {
    try {
      const columns = this.whole ?? [...new Set([this.axis, 'step', ...this.columns])];
      const answers = await this.ask<Answer[]>('runs.curves', { names: runs, columns });
      if (this.#ended) return;
      for (const answer of answers) {
        const x = answer.columns[this.axis] ?? answer.columns.step;
        for (const column of this.columns) {
          const y = answer.columns[column];
          this.#points.set(`${answer.name}\n${column}`, x && y ? Points.of(x.data, y.data) : new Points());
        }
        this.names = [...new Set([...this.names, ...answer.names])];
        if (this.follow) this.#stops.push(this.follow(answer.name, 'metrics', [answer.to, answer.file], (rows, again) => this.#append(answer.name, rows, again)));
      }
      this.failure = undefined;
      this.loaded = true;
      this.version += 1;
    } catch (error) {
      this.failure = error as Error;
    }
  }

  #append(run: string, rows: Row[], again: boolean): void {
    for (const column of this.columns) {
      if (again) this.#points.set(`${run}\n${column}`, new Points());
      const points = this.points(run, column);
      this.#points.set(`${run}\n${column}`, points);
      for (const row of rows) points.push((row[this.axis] ?? row.step ?? NaN) as number, (row[column] ?? NaN) as number);
    }
    const found = new Set(this.names);
    for (const row of rows.slice(-1)) for (const [name, value] of Object.entries(row)) if (typeof value === 'number') found.add(name);
    if (found.size > this.names.length) this.names = [...found];
    this.version += 1;
  }
}
