// What Python says of a network that plays Othello (glassworks/studio/questions/othello.py).

import type { Kept } from '../../lib/kept';
import type { NDArray } from '../../lib/wire';

export interface EditSettings {
  how: 'add' | 'set';
  first: number; // layers, from 0
  last: number;
  size: number;
}

export interface Network extends Kept {
  run: string;
  size: number;
  layers: number;
  width: number;
  parameters: number;
  plies: number; // that it reads
  games: number;
  kept: boolean; // whether the probes are those that the run kept
  accuracy: { trained: number[]; scrambled: number[]; majority: number } | null; // percent, by layer
  edits: { flip: EditSettings; erase: EditSettings };
  scores: Partial<Record<'flip' | 'erase', { null: number; edited: number; 'random direction': number }>>;
  neurons: { layer: number; neuron: number; lines: string[] }[];
}

export interface Position {
  ply: number;
  black: boolean; // who moves
  board: NDArray<Int32Array>; // 0 empty, 1 mine, 2 yours
  colours: NDArray<Int32Array>; // 0 empty, 1 black, 2 white
  legal: NDArray<Uint8Array>; // squares, then the pass
  over: boolean;
  chances: NDArray;
  illegal: number;
  says: NDArray; // layers, squares, 3
}

export interface Edited {
  chances: NDArray; // without, with, at random; moves
  mistakes: (number | null)[];
  right: NDArray<Uint8Array>; // legal on the changed board
  before: NDArray<Uint8Array>;
  moved: number[];
}

export interface Neuron {
  value: number;
  mean: number;
  highest: number;
  states: NDArray; // squares, 3
  writes: NDArray; // squares
  games: number;
  rules: { words: string; value: number; examples: number }[];
  explained: number | null; // the share of its variance, on games that the rules were not fitted to
  shuffled: number | null;
}

/** Column as a letter, row from 1 at the top; the pass. */
export function called(square: number, size: number): string {
  return square === size * size ? 'pass' : `${String.fromCharCode(97 + (square % size))}${Math.floor(square / size) + 1}`;
}

/** Mine and yours of whoever moves, as black and white. */
export function colourOf(state: number, black: boolean): number {
  return state && (state === 1) === black ? 1 : state ? 2 : 0;
}

/** Moves in an address. */
export function movesIn(text: string | undefined): number[] {
  return text ? text.split('-').map(Number) : [];
}

/** The likeliest move, and the likeliest of those that are legal; -1 where none is. */
export function likeliest(chances: ArrayLike<number>, legal: ArrayLike<number>): { any: number; allowed: number } {
  let [any, allowed] = [0, -1];
  for (let move = 0; move < legal.length; move++) {
    if (chances[move] > chances[any]) any = move;
    if (legal[move] && (allowed < 0 || chances[move] > chances[allowed])) allowed = move;
  }
  return { any, allowed };
}

/** What the probe of a layer reads at each square: the likeliest state, and its probability. */
export function readOf(says: ArrayLike<number>, from: number, squares: number): { states: number[]; sure: number[] } {
  const [states, sure] = [[] as number[], [] as number[]];
  for (let square = 0; square < squares; square++) {
    const at = from + 3 * square;
    let best = 0;
    for (let state = 1; state < 3; state++) if (says[at + state] > says[at + best]) best = state;
    states.push(best);
    sure.push(says[at + best]);
  }
  return { states, sure };
}
