// What Python says of a network that is drawn unit by unit (glassworks/studio/questions/digits.py).

import type { Kept } from '../../lib/kept';
import type { NDArray } from '../../lib/wire';
import type { Plane } from './layout';

export interface Stage {
  name: string;
  shape: number[];
  modules: string[];
  names: string[];
  formulas: string[]; // of a number x
  parameters: number;
  field: NDArray<Int32Array>; // of each unit, the first and last row and column of the image that it sees
}

/** How the data's drawings lie in their images, as shares of a side; the paper is 0 or 255. */
export interface Style {
  paper: number;
  size: number;
  row: number;
  column: number;
}

export interface Network extends Kept {
  run: string;
  architecture: string;
  parameters: number;
  classes: string[];
  image: [number, number, number];
  steps: number[];
  examples: number;
  style: Style;
  stages: Stage[];
}

export interface Forward {
  values: NDArray; // of all stages, one after another
  outputs: NDArray;
  probabilities: NDArray | null;
  pixels?: NDArray<Uint8Array>;
  truth?: number;
  name?: string;
}

/** How a unit comes of the stage before: the sum of slopes times sources and the offset, then its stage's other modules. */
export interface Origin {
  sources: NDArray<Int32Array>;
  slopes: NDArray;
  offset: number;
  isSum: boolean; // whatever the input is; else only for this one
  values: number[]; // after each module of the stage
}

/** What a stage is called: the first is what the network reads. */
export function named(stages: Stage[], stage: number): string {
  return stage ? stages[stage].name || 'network' : 'input';
}

/** A unit by the numbers of its stage and of itself in it. */
export interface Place {
  stage: number;
  unit: number;
}

/** What is shown of the network at the moment: the same for the flat view and the one in space. */
export interface Shown {
  values: Float32Array;
  hidden: boolean[];
  place: Place | undefined;
  origin: Origin | undefined;
}

/** What a view of the network takes, on the flat or in space. */
export interface Drawn {
  planes: Plane[];
  network: Network;
  shown: Shown;
  over: (place: Place | undefined) => void;
  click: (place: Place) => void;
  dark: boolean;
}
