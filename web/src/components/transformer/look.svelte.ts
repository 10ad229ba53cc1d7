// What is looked at: the prompt's pass through the model, what is chosen, and what is asked when that changes.

import { newest, type Ask } from '../../lib/ask';
import type { Place } from '../../lib/place.svelte';
import { middle } from '../../lib/grids';
import { at, type NDArray } from '../../lib/wire';
import * as edits from './edits';
import { PARTS } from './types';
import type { Block, Data, Edit, Forward, Lens, Matrix, Norms, OfBlock, Part, Saliency, Training, View } from './types';

export const EXAMPLE = 'def read(self, size=-1):\n    ';

export class Look {
  forward = $state.raw<Forward | undefined>();
  failure = $state.raw<Error | undefined>();
  asking = $state(false);
  /** The row that the pointer is on, among the tokens drawn. */
  hovered = $state<number | undefined>();
  private loaded = $state.raw<{ key: string; block: Block } | undefined>();
  private wantedForward = '';
  private wanted = '';
  private readonly matrices = new Map<string, Promise<Matrix>>();
  private readonly forwards;
  private readonly blocks;

  constructor(private readonly given: () => Data, readonly ask: Ask | undefined, readonly place: Place) {
    this.forward = this.data.forward;
    const failed = (error: Error) => {
      this.failure = error;
      this.asking = false;
      this.wanted = this.wantedForward = '';
    };
    this.forwards = newest(
      (args: Record<string, unknown>, signal) => this.ask!<Forward>('transformer.forward', args, signal),
      (forward) => {
        this.forward = forward;
        this.failure = undefined;
        this.asking = false;
      },
      failed,
    );
    this.blocks = newest(
      (args: Record<string, unknown>, signal) => this.ask!<Block>('transformer.block', args, signal),
      (block, args) => (this.loaded = { key: JSON.stringify(args), block }),
      failed,
    );
  }

  get data(): Data {
    return this.given();
  }

  // What is chosen, as the address says it.

  get text(): string {
    return this.place.query.text ?? this.data.text ?? EXAMPLE;
  }
  get written(): number[] {
    return (this.place.query.written ?? '').split(',').filter((id) => /^\d+$/.test(id)).map(Number);
  }
  get edits(): Edit[] {
    return edits.read(this.place.query.edits);
  }
  get view(): View {
    return (this.place.query.view as View) ?? 'flow';
  }
  get part(): Part {
    return PARTS.find((part) => part === this.place.query.part) ?? 'scores';
  }
  get block(): number {
    return within(this.place.query.block, this.forward?.model.layers);
  }
  get head(): number {
    return within(this.place.query.head, this.forward?.model.heads);
  }
  get unit(): number {
    return within(this.place.query.unit, undefined);
  }
  /** The chosen token's row, among those that are drawn. */
  get row(): number {
    return this.forward ? this.forward.position - this.forward.start : 0;
  }
  /** The row that is shown in detail: the pointer's, or else the chosen one. */
  get shown(): number {
    return Math.min(this.hovered ?? this.row, (this.forward?.tokens.length ?? 1) - 1);
  }

  // What is asked.

  private get prompt(): Record<string, unknown> {
    const { start } = this.place.query;
    return {
      run: this.data.run,
      step: this.data.step ?? null,
      text: this.text,
      written: this.written,
      edits: this.edits,
      start: place(start),
    };
  }
  private get blockArgs(): Record<string, unknown> {
    return { ...this.prompt, block: this.block };
  }

  /** Ask for what is chosen; called again whenever that changes. */
  load(): void {
    if (!this.ask) return;
    const { token } = this.place.query;
    const args = { ...this.prompt, position: place(token) };
    const key = JSON.stringify(args);
    if (key === this.wantedForward) return;
    this.wantedForward = key;
    this.asking = true;
    this.forwards.ask(args);
  }
  loadBlock(): void {
    const key = JSON.stringify(this.blockArgs);
    if (!this.ask || !this.forward || key === this.wanted) return;
    this.wanted = key;
    this.blocks.ask(this.blockArgs);
  }

  /** Every value of the chosen block; the last one's while the next is on its way. */
  get values(): Block | undefined {
    const values = this.data.blocks?.[this.block] ?? this.loaded?.block;
    return values && values.resid_pre.shape[0] === this.forward?.tokens.length ? values : undefined;
  }
  get isCurrent(): boolean {
    return !this.ask || this.loaded?.key === JSON.stringify(this.blockArgs);
  }

  /** The chosen head's part of q, k, v or z, (W, D). */
  ofHead(name: OfBlock): NDArray {
    const array = this.values![name];
    const { heads, kv_heads } = this.forward!.model;
    return middle(array, array.shape[1] === heads ? this.head : Math.floor(this.head / (heads / kv_heads)));
  }
  /** The chosen head's pattern, (W, W), and what it gives to tokens that are not drawn, (W,). */
  get pattern(): NDArray {
    return at(this.forward!.patterns, this.block, this.head);
  }
  get before(): NDArray {
    return at(this.forward!.before, this.block, this.head);
  }

  /** Weights, kept once they were asked for; none where there is no studio. */
  matrix(name: string, more: Record<string, unknown> = {}): Promise<Matrix> | undefined {
    const { block, head, first } = { block: this.block, head: this.head, first: 0, ...more };
    const here = this.data.matrices?.[`${name}.${block}.${head}.${first}`];
    if (here) return Promise.resolve(here);
    return this.kept<Matrix>('transformer.matrix', { name, block: this.block, head: this.head, ...more });
  }
  norms(): Promise<Norms> | undefined {
    const here = this.data.norms?.[this.block];
    if (here) return Promise.resolve(here);
    return this.kept<Norms>('transformer.norms', { block: this.block });
  }
  /** What every layer would say; asked again for every change of the prompt, the edits and the token. */
  lens(): Promise<Lens> | undefined {
    return this.ask?.<Lens>('transformer.lens', { ...this.prompt, position: this.forward?.position ?? null });
  }
  /** What each token did for the one at a place among those that are read. */
  saliency(place: number): Promise<Saliency> | undefined {
    const { run, step, text, written } = this.prompt;
    return this.ask?.<Saliency>('transformer.saliency', { run, step, text, written, position: place });
  }
  /** What the run's checkpoints say behind the chosen token. */
  training(): Promise<Training> | undefined {
    const { run, text, written } = this.prompt;
    return this.ask?.<Training>('transformer.training', { run, text, written, position: this.forward?.position ?? null });
  }
  private kept<Answer>(question: string, args: Record<string, unknown>): Promise<Answer> | undefined {
    if (!this.ask) return undefined;
    const whole = { run: this.data.run, step: this.data.step ?? null, ...args };
    const key = question + JSON.stringify(whole);
    let found = this.matrices.get(key) as Promise<Answer> | undefined;
    if (!found) {
      found = this.ask<Answer>(question, whole);
      this.matrices.set(key, found as Promise<never>);
      if (this.matrices.size > 60) this.matrices.delete(this.matrices.keys().next().value!);
    }
    return found;
  }

  // What can be done.

  token(row: number): string {
    return this.forward?.tokens[row] ?? '';
  }
  pick(row: number): void {
    this.place.choose({ token: this.forward!.start + row });
  }
  open(part: Part, unit?: number): void {
    this.place.choose({ part, unit: unit ?? this.place.query.unit });
  }
  edit(edit: Edit): void {
    this.place.choose({ edits: edits.written(edits.changed(this.edits, edit)) });
  }
  restore(edit: Omit<Edit, 'scale'>): void {
    this.place.choose({ edits: edits.written(edits.without(this.edits, edit)) });
  }
  /** Silence what is as the model has it; give back what is not. */
  toggle(edit: Omit<Edit, 'scale'>): void {
    if (this.scaleOf(edit) === 1) this.edit({ ...edit, scale: 0 });
    else this.restore(edit);
  }
  /** By how much something is scaled now; 1 where it is as the model has it. */
  scaleOf(edit: Omit<Edit, 'scale'>): number {
    const name = edits.nameOf(edit);
    return this.edits.find((other) => edits.nameOf(other) === name)?.scale ?? 1;
  }
  say(text: string): void {
    const kept = this.edits.filter((edit) => edit.part !== 'edge');
    this.place.choose({ text, written: undefined, token: undefined, start: undefined, edits: edits.written(kept) });
  }
  /** The page that holds all of this in one file, which opens without the studio. */
  page(): Promise<{ html: string }> | undefined {
    const { run, step, text, written, edits, start } = this.prompt;
    return this.ask?.<{ html: string }>('pages.transformer', { run, step, text, written, edits, start, block: this.block });
  }
  append(id: number): void {
    this.place.choose({ written: [...this.written, id].join(','), token: undefined, start: undefined });
  }
  stop(): void {
    this.forwards.stop();
    this.blocks.stop();
  }
}

/** A place as the address says it; null where it says none. */
function place(text: string | undefined): number | null {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : null;
}

function within(text: string | undefined, limit: number | undefined): number {
  const value = Math.max(0, Math.floor(Number(text ?? 0)) || 0);
  return limit === undefined ? value : Math.min(value, limit - 1);
}
