// A component in a notebook, as anywidget calls it: its data are the model's, its questions messages to the kernel.

import { Refused, type Ask } from './ask';
import type { Mount } from './mount';
import { unpack } from './wire';

/** What of anywidget's model is used (glassworks/studio/notebook.py is its other side). */
export interface Model {
  get(name: 'data' | 'answers'): unknown;
  send(content: unknown): void;
  on(event: 'msg:custom', heard: Heard): void;
  off(event: 'msg:custom', heard: Heard): void;
}
type Heard = (content: Answer, buffers: DataView[]) => void;
type Answer = { answer: string; error?: string; status?: number };

/** Puts a component into a notebook's cell; what anywidget calls `render`. */
export function rendering<Data>(mount: Mount<Data>) {
  return ({ model, el }: { model: Model; el: HTMLElement }): (() => void) => {
    el.classList.add('glassworks');
    const kernel = model.get('answers') ? asking(model) : undefined;
    const end = mount(el, unpack(bytesOf(model.get('data') as DataView)) as Data, kernel?.ask);
    return () => {
      end();
      kernel?.stop();
    };
  };
}

/** Questions as messages, which several views of one widget may send: each hears its own answers. */
export function asking(model: Model): { ask: Ask; stop: () => void } {
  const waiting = new Map<string, { done: (answer: never) => void; failed: (error: Error) => void }>();
  const heard: Heard = ({ answer, error, status = 400 }, buffers) => {
    const of = waiting.get(answer);
    waiting.delete(answer);
    if (error !== undefined) of?.failed(new Refused(error, status));
    else of?.done(unpack(bytesOf(buffers[0])) as never);
  };
  model.on('msg:custom', heard);
  const ask: Ask = (question, args = {}, signal) =>
    new Promise((done, failed) => {
      const id = Math.random().toString(36).slice(2);
      waiting.set(id, { done, failed });
      signal?.addEventListener('abort', () => {
        waiting.delete(id);
        failed(new DOMException('given up', 'AbortError'));
      });
      model.send({ ask: id, question, args });
    });
  return { ask, stop: () => model.off('msg:custom', heard) };
}

/** Bytes by themselves, as arrays must begin at a multiple of 4. */
function bytesOf({ buffer, byteOffset, byteLength }: DataView): ArrayBuffer {
  return (buffer as ArrayBuffer).slice(byteOffset, byteOffset + byteLength);
}
