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
}
