// The contract of a component: mount(element, data, ask). The same one serves the studio, a page of one file and a notebook.

import { mount as begin, unmount, type Component } from 'svelte';
import type { Ask } from './ask';

export interface Props<Data> {
  data: Data;
  /** The only way to Python; there is none in a page of one file. */
  ask?: Ask;
}

/** Puts a component into an element; returns how to take it out again. */
export type Mount<Data> = (element: Element, data: Data, ask?: Ask) => () => void;

export function mounting<Data>(Content: Component<Props<Data>>): Mount<Data> {
  return (element, data, ask) => {
    const props = ask ? { data, ask } : { data };
    const content = begin(Content, { target: element, props: props as Props<Data> });
    return () => void unmount(content);
  };
}
