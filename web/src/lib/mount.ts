// The contract of a component: mount(element, data, ask). The same one serves the studio, a page of one file and a notebook.

import { mount as begin, unmount, type Component } from 'svelte';
import type { Ask } from './ask';
import { askIt } from './glossary';
import { replaying, type Kept } from './kept';
import { rendering } from './notebook';
import { unpack } from './wire';

export interface Props<Data> {
  data: Data;
  /** The only way to Python; in a page of one file there is none, or what it was kept with answers. */
  ask?: Ask;
}

/** Puts a component into an element; returns how to take it out again. */
export type Mount<Data> = (element: Element, data: Data, ask?: Ask) => () => void;

/** What a file of src/mounts exports: `mount` and `unpack` for a page of one file, `render` for a notebook. */
export function mounting<Data>(Content: Component<Props<Data>>) {
  const mount: Mount<Data> = (element, data, python) => {
    if (python) askIt(python);
    const { answers } = data as Kept;
    const ask = python ?? (answers && replaying(answers));
    const props = ask ? { data, ask } : { data };
    const content = begin(Content, { target: element, props: props as Props<Data> });
    return () => void unmount(content);
  };
  return { mount, render: rendering(mount), unpack };
}
