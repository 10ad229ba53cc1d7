// What the studio says of a run (glassworks/core/facts.py).

export interface Facts {
  name: string;
  path: string;
  state: 'done' | 'unfinished' | 'training' | 'running' | 'damaged' | 'unknown kind';
  why?: string;
  kind?: string | null;
  what?: string;
  commands?: string[];
  step?: number | null;
  steps?: number | null;
  seconds?: number | null;
  held_out?: { bits_per_byte?: number; bits_per_byte_se?: number } | null;
  test?: Record<string, { value?: number; low?: number; high?: number }> | null;
  result?: Record<string, unknown> | null;
  parent?: string | null;
  parent_step?: number | null;
  created?: string | null;
  command?: string[];
  settings?: Record<string, unknown>;
}

export interface Whole extends Facts {
  checkpoints: number[];
  evals: string[];
  traces: string[];
  report: boolean;
  parent_run: string | null;
  children: { name: string; step: number | null }[];
}

const TITLES: Record<string, string> = {
  loss: 'training batches',
  val_nats_per_token: 'held out',
  val_loss: 'held out',
  val_bits_per_byte: 'held-out bits per byte',
  val_accuracy: 'held-out accuracy',
  lr: 'learning rate',
  grad_norm: 'gradient norm',
  tokens_per_s: 'tokens per second',
};

/** What a logged number is called. */
export function titleOf(column: string): string {
  return TITLES[column] ?? column.replace('update_ratio/', 'update ratio of ').replaceAll('_', ' ');
}

/** How good a run is, in a figure with its unit; empty where it was not measured. */
export function scoreOf(run: Facts): string {
  if (run.held_out?.bits_per_byte) return `${run.held_out.bits_per_byte.toFixed(3)} bits/byte`;
  if (run.test?.accuracy?.value !== undefined) return `${(100 * run.test.accuracy.value).toFixed(1)} %`;
  if (run.test?.rmse?.value !== undefined) return `RMSE ${run.test.rmse.value.toPrecision(4)}`;
  return '';
}

/** Whether a process is at work on it. */
export function isBusy(run: Facts): boolean {
  return run.state === 'training' || run.state === 'running';
}
