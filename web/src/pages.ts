// Every page of the studio: where it is, what it is called, what it shows, and what is loaded when it is opened.

import type { Component } from 'svelte';

export interface Page {
  path: string;
  title: string;
  what: string;
  load: () => Promise<{ default: Component }>;
}

export const PAGES: Page[] = [
  { path: '/', title: 'Runs', what: 'Watch trainings as they go, compare them, go on with them.', load: () => import('./pages/Runs.svelte') },
  { path: '/run', title: 'Run', what: 'One run: its curves, samples, settings and checkpoints.', load: () => import('./pages/Run.svelte') },
  { path: '/transformer', title: 'Transformer', what: 'A language model at work: every vector and matrix from the text to the next token.', load: () => import('./pages/Transformer.svelte') },
  { path: '/digits', title: 'Draw a digit', what: 'Draw, and see every unit of a network that reads it: on the flat or in space.', load: () => import('./pages/Digits.svelte') },
  { path: '/playground', title: 'Playground', what: 'Train a small network on points in a plane, by any optimizer, and touch every weight.', load: () => import('./pages/Playground.svelte') },
  { path: '/cnn', title: 'CNN', what: 'A convolutional network on an image: every layer, every window, every number.', load: () => import('./pages/Cnn.svelte') },
];

/** Pages that the bar names; a run's is reached from the list. */
export const NAMED = PAGES.filter((page) => page.path !== '/run');
