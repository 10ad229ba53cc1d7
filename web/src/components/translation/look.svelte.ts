// What is looked at on the page: the translation, the layer, sublayer, head and tokens that are chosen, and their numbers.

import { untrack } from 'svelte';
import { newest, type Ask } from '../../lib/ask';
import type { Place } from '../../lib/place.svelte';
import { at, type NDArray } from '../../lib/wire';
import { middle } from '../../lib/grids';
import type { Data, Forward, Layer, Part, Positions, Stack, View, Weights } from './types';

export class Look {
  forward = $state.raw<Forward | undefined>();
  failure = $state.raw<Error | undefined>();
  /** The row under the pointer, of the tokens that look. */
  hovered = $state<number | undefined>();
  private loaded = $state.raw<{ key: string; layer: Layer } | undefined>();
  private wanted = '';
  private wantedLayer = '';
  private shownText = $state.raw('');
  private readonly kept = new Map<string, Promise<never>>();
  private readonly forwards;
  private readonly layersAsked;

  constructor(
    private readonly given: () => Data,
    readonly ask: Ask | undefined,
    readonly place: Place,
  ) {
    this.forward = untrack(() => given().forward);
    const failed = (error: Error) => (this.failure = error);
    this.forwards = newest(
      (args: Record<string, unknown>, signal) => this.ask!<Forward>('translation.forward', args, signal),
      (forward, args) => {
        this.failure = undefined;
        this.forward = forward;
        this.shownText = JSON.stringify(args);
      },
      (error) => {
        this.wanted = '';
        failed(error);
      },
    );
    this.layersAsked = newest(
      (args: Record<string, unknown>, signal) => this.ask!<Layer>('translation.layer', args, signal),
      (layer, args) => (this.loaded = { key: JSON.stringify(args), layer }),
      failed,
    );
  }

  get data(): Data {
    return this.given();
  }

  // What is chosen, as the address says it.

  get text(): string {
    return this.place.query.text ?? this.data.text ?? '';
  }
  get view(): View {
    return (this.place.query.view as View) ?? 'zoom';
  }
  get stack(): Stack {
    return this.place.query.stack === 'decoder' ? 'decoder' : 'encoder';
  }
  get layer(): number {
    return within(this.place.query.layer, this.forward?.model.layers[this.stack]);
  }
  get parts(): Part[] {
    return this.stack === 'encoder' ? ['attn', 'mlp'] : ['attn', 'cross', 'mlp'];
  }
  get part(): Part {
    const chosen = this.place.query.part as Part;
    return this.parts.includes(chosen) ? chosen : 'attn';
  }
  /** The chosen sublayer, where one of attention is meant. */
  get attention(): 'attn' | 'cross' {
    return this.part === 'cross' ? 'cross' : 'attn';
  }
  get head(): number {
    return within(this.place.query.head, this.forward?.model.heads);
  }
  get unit(): number {
    return within(this.place.query.unit, undefined);
  }
  /** Tokens that look, and those that are looked at, in the chosen attention. */
  get queries(): string[] {
    return this.forward![this.stack === 'encoder' ? 'source' : 'target'].tokens;
  }
  get keys(): string[] {
    return this.attention === 'cross' || this.stack === 'encoder' ? this.forward!.source.tokens : this.forward!.target.tokens;
  }
  get masked(): boolean {
    return this.stack === 'decoder' && this.attention === 'attn';
  }
  get row(): number {
    return within(this.place.query.token, this.forward ? this.queries.length : undefined);
  }
  get key(): number {
    return within(this.place.query.key, this.forward ? this.keys.length : undefined);
  }
  /** The chosen attention's weights, (H, queries, keys). */
  get patterns(): NDArray {
    const name = this.attention === 'cross' ? 'cross' : this.stack;
    return this.forward!.patterns[name][this.layer];
  }
  get pattern(): NDArray {
    return at(this.patterns, this.head);
  }

  // What is asked.

  private get translation(): Record<string, unknown> {
    return { run: this.data.run, step: this.data.step ?? null, text: this.text, target: this.place.query.target ?? null };
  }
  private get layerArgs(): Record<string, unknown> {
    return { ...this.translation, stack: this.stack, layer: this.layer };
  }
  load(): void {
    if (!this.ask || !this.text.trim()) return;
    const key = JSON.stringify(this.translation);
    if (key === this.wanted) return;
    this.wanted = key;
    this.forwards.ask(this.translation);
  }
  loadLayer(): void {
    if (!this.ask || !this.isCurrent) return;
    const key = JSON.stringify(this.layerArgs);
    if (key === this.wantedLayer) return;
    this.wantedLayer = key;
    this.layersAsked.ask(this.layerArgs);
  }
  /** Whether what is shown is of what is chosen, and not of the text before it. */
  get isCurrent(): boolean {
    return !this.ask || this.shownText === JSON.stringify(this.translation);
  }
  /** The chosen layer's tensors, once they are there. */
  get values(): Layer | undefined {
    const here = this.data.layers?.[`${this.stack}.${this.layer}`];
    if (here) return here;
    return this.loaded && this.isCurrent && this.loaded.key === JSON.stringify(this.layerArgs) ? this.loaded.layer : undefined;
  }
  /** What a sublayer reads: the stream before it. */
  before(part: Part): NDArray {
    const values = this.values!;
    if (part === 'attn') return values.before;
    return part === 'cross' || this.stack === 'encoder' ? values['after_attn.post'] : values['after_cross.post'];
  }
  /** What keys and values are made of: the same, or what the encoder made. */
  get read(): NDArray {
    return this.attention === 'cross' ? this.values!.memory : this.before('attn');
  }
  /** The chosen head's q, k, v or z, (tokens, D). */
  ofHead(name: 'q' | 'k' | 'v' | 'z', head = this.head): NDArray {
    return middle(this.values![`${this.attention}.${name}`], head);
  }
  weights(part: Part): Promise<Weights> | undefined {
    const here = this.data.weights?.[`${this.stack}.${this.layer}.${part}`];
    if (here) return Promise.resolve(here);
    return this.once<Weights>('translation.weights', { stack: this.stack, layer: this.layer, part });
  }
  positions(): Promise<Positions> | undefined {
    return this.data.positions ? Promise.resolve(this.data.positions) : this.once<Positions>('translation.positions', {});
  }
  private once<Answer>(question: string, args: Record<string, unknown>): Promise<Answer> | undefined {
    if (!this.ask) return undefined;
    const whole = { run: this.data.run, step: this.data.step ?? null, ...args };
    const name = question + JSON.stringify(whole);
    let found = this.kept.get(name) as Promise<Answer> | undefined;
    if (!found) {
      found = this.ask<Answer>(question, whole);
      found.catch(() => this.kept.delete(name));
      this.kept.set(name, found as Promise<never>);
      if (this.kept.size > 24) this.kept.delete(this.kept.keys().next().value!);
    }
    return found;
  }
  page(): Promise<{ html: string }> | undefined {
    return this.ask?.<{ html: string }>('translation.page', this.translation);
  }

  // What can be done.

  say(text: string): void {
    this.place.choose({ text, target: undefined, token: undefined, key: undefined, time: undefined, frame: undefined });
  }
  /** Let the decoder read a given target; undefined = what it writes itself. */
  teach(target: string | undefined): void {
    this.place.choose({ target, time: undefined, frame: undefined });
  }
  stop(): void {
    this.forwards.stop();
    this.layersAsked.stop();
  }
}

export function within(text: string | undefined, limit: number | undefined): number {
  const value = Math.max(0, Math.floor(Number(text ?? 0)) || 0);
  return limit === undefined ? value : Math.min(value, limit - 1);
}
