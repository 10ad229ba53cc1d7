// Every page of the studio: where it is, what it is called, what it shows, and what is loaded when it is opened.

import type { Component } from 'svelte';
import type { Facts } from './lib/runs';

export interface Page {
  path: string;
  title: string;
  what: string;
  /** Whether it opens this run: then the run's page has a link to it for each checkpoint. */
  opens?: (run: Facts) => boolean;
  load: () => Promise<{ default: Component }>;
}

export const PAGES: Page[] = [
  { path: '/', title: 'Runs', what: 'Watch trainings as they go, compare them, go on with them.', load: () => import('./pages/Runs.svelte') },
  { path: '/run', title: 'Run', what: 'One run: its curves, samples, settings and checkpoints.', load: () => import('./pages/Run.svelte') },
  { path: '/cnn', title: 'CNN', what: 'A convolutional network on an image: every layer, every window, every number.', opens: (run) => run.kind === 'images', load: () => import('./pages/Cnn.svelte') },
  { path: '/digits', title: 'Draw a digit', what: 'Draw, and see every unit of a network that reads it: on the flat or in space.', opens: (run) => run.kind === 'images', load: () => import('./pages/Digits.svelte') },
  { path: '/transformer', title: 'Transformer', what: 'A language model at work: every vector and matrix from the text to the next token.', opens: (run) => run.kind === 'text', load: () => import('./pages/Transformer.svelte') },
  { path: '/translation', title: 'Translation', what: 'An encoder-decoder at work, as The Illustrated Transformer draws it: every word, head and number.', opens: (run) => run.kind === 'pairs', load: () => import('./pages/Translation.svelte') },
  { path: '/othello', title: 'Othello', what: 'Play against a network, see the board that it keeps, and change it.', opens: (run) => run.kind === 'othello', load: () => import('./pages/Othello.svelte') },
  { path: '/choose', title: 'Choose', what: 'Say which of several options is better, with a key each; see how far people agree.', opens: (run) => run.kind === 'choices', load: () => import('./pages/Choose.svelte') },
  { path: '/playground', title: 'Playground', what: 'Train a small network on points in a plane, by any optimizer, and touch every weight.', load: () => import('./pages/Playground.svelte') },
];

/** Pages that the bar names; a run's is reached from the list. */
export const NAMED = PAGES.filter((page) => page.path !== '/run');
