// Trainings that the studio has started (glassworks/studio/jobs.py).

export interface Terminal {
  on: boolean;
  lines: string[];
  failed: string | null;
  command: string[];
}

export interface Offers {
  recipes: Record<string, string>;
  data: Record<string, string>;
}
