// What is chosen on the page of a network; the address keeps it in the studio.

export interface View {
  layer?: number;
  unit: number;
  /** Where in the unit's map, row by row; undefined: at its largest number. */
  place?: number;
  /** The input channel whose kernel is shown, by its place among those that the unit reads. */
  from: number;
  scale: 'layer' | 'module' | 'network';
  detail: boolean;
  pass: number;
  /** The number that a linear layer reads whose way is shown; not kept. */
  trail?: number;
}

export type Change = (changes: Partial<View>) => void;

export const BEGIN: View = { unit: 0, from: 0, scale: 'layer', detail: true, pass: 0 };
