// One annotator before a store: what lies before them, what they say of it, and that none of it is lost.

import type { Ask } from '../../lib/ask';
import { placed, ranked, type About, type Choice, type Next, type Offer, type Progress, type Said } from './kinds';
import { Outbox, shelfOf, tabName } from './outbox';

const LONGEST = 200; // choices that are sent at once

interface Draft {
  comparison: number;
  rewrite: string;
}

export class Desk {
  offer = $state.raw<Offer | null>();
  progress = $state.raw<Progress>();
  /** Places on the page, best first; those of a group are level. */
  groups = $state.raw<number[][]>([]);
  /** Whether the next option pressed is level with the last. */
  level = $state(false);
  /** What is asked for before it is said: how much better, or why it is skipped. */
  asking = $state<'' | 'strength' | 'reason'>('');
  rewrite = $state('');
  /** What was said of it before it was taken back. */
  before = $state.raw<Choice>();
  /** Said, and not known to be stored yet. */
  waiting = $state(0);
  failure = $state.raw<Error>();
  refused = $state.raw<string[]>([]);
  /** Counts what was stored, for whoever wants to know that there is more. */
  stored = $state(0);
  outbox: Outbox;

  private tab = tabName();
  private drafts = shelfOf('localStorage');
  private said: Choice[] = [];
  private sending = false;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private wait = 400;
  private began: number | undefined;
  private hidden = 0;
  private away: number | undefined;
  private closed = false;

  constructor(
    private ask: Ask,
    private about: About,
    readonly annotator: string,
    private strong: () => boolean,
  ) {
    this.outbox = new Outbox(this.drafts, about.id, this.tab);
    document.addEventListener('visibilitychange', this.see);
    this.waiting = this.outbox.waiting().length;
    void (this.waiting ? this.send() : this.next());
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.retry);
    document.removeEventListener('visibilitychange', this.see);
  }

  /** The options are there to be read: from now on time counts. */
  ready(): void {
    this.began ??= performance.now();
  }

  /** Press an option: of two it is chosen, of more it is ranked behind those before. */
  press(place: number): void {
    const offer = this.open();
    if (!offer || place >= offer.options.length) return;
    this.asking = '';
    const count = offer.options.length;
    this.groups = count > 2 ? ranked(this.groups, place, this.level) : [[place]];
    this.level = false;
    const named = this.groups.flat().length;
    if (count === 1 || (count === 2 && named === 1) || (count > 2 && named === count)) this.finish();
  }

  /** Say the ranking as far as it goes, once it is said how much better the best is, if that is asked. */
  finish(): void {
    const offer = this.open();
    if (!offer || !this.groups.length) return;
    if (this.groups.length === 1 && this.groups[0].length === offer.options.length && offer.options.length > 1) this.say('tie');
    else if (this.strong() && this.asking !== 'strength' && offer.options.length > 1) this.asking = 'strength';
    else this.say('ranked', { ranking: placed(this.groups, offer.shown) });
  }

  strength(strength: number): void {
    const offer = this.open();
    if (offer) this.say('ranked', { ranking: placed(this.groups, offer.shown), strength });
  }

  say(verdict: Choice['verdict'], more: Partial<Choice> = {}): void {
    const offer = this.open();
    if (!offer) return;
    const seconds = this.began === undefined ? null : Math.max(0, performance.now() - this.began - this.hidden) / 1000;
    const choice: Choice = {
      id: crypto.randomUUID(),
      comparison: offer.comparison,
      verdict,
      ranking: [],
      shown: offer.shown,
      strength: null,
      reason: '',
      rewrite: this.rewrite.trim() ? this.rewrite : '',
      seconds,
      why: offer.why,
      ...more,
    };
    this.said = [...this.said, choice];
    this.outbox.add(this.annotator, choice);
    this.put(undefined);
    void this.send();
  }

  /** Take back the last choice, of this page or of one before. */
  undo(): void {
    const choice = this.said.at(-1);
    const id = choice?.id ?? this.progress?.last;
    if (!id || this.waiting) return;
    this.said = this.said.slice(0, -1);
    this.outbox.add(this.annotator, { id: crypto.randomUUID(), undo: id });
    this.before = choice;
    this.offer = undefined;
    void this.send();
  }

  /** Forget what was pressed so far. */
  clear(): void {
    this.groups = [];
    this.asking = '';
    this.level = false;
  }

  /** Keep what is being written, should the page be closed before it is said. */
  draft(): void {
    try {
      const draft: Draft | undefined = this.offer && this.rewrite ? { comparison: this.offer.comparison, rewrite: this.rewrite } : undefined;
      if (draft) this.drafts?.setItem(this.place, JSON.stringify(draft));
      else this.drafts?.removeItem(this.place);
    } catch {
      // a browser that keeps nothing more
    }
  }

  // ------------------------------------------------------------------------------------------------------------------

  private get place(): string {
    return `glassworks.draft.${this.about.id}.${this.annotator}`;
  }

  /** What lies before the annotator and can be chosen: nothing while a choice is on its way. */
  private open(): Offer | undefined {
    return this.waiting ? undefined : (this.offer ?? undefined);
  }

  private put(next: Next | undefined): void {
    this.clear();
    if (!next) {
      this.waiting = this.outbox.waiting().length;
      return;
    }
    this.offer = next.offer;
    this.progress = next.progress;
    this.began = undefined;
    this.hidden = 0;
    this.rewrite = this.before?.rewrite ?? '';
    if (this.before && this.before.comparison !== next.offer?.comparison) this.before = undefined;
    try {
      const draft = JSON.parse(this.drafts?.getItem(this.place) ?? 'null') as Draft | null;
      if (draft && draft.comparison === next.offer?.comparison) this.rewrite = draft.rewrite;
    } catch {
      // another version's
    }
  }

  private async next(): Promise<void> {
    try {
      const next = await this.ask<Next>('choices.offer', { run: this.about.run, annotator: this.annotator, tab: this.tab });
      this.failure = undefined;
      if (!this.waiting) this.put(next);
    } catch (error) {
      this.later(error as Error, () => void this.next());
    }
  }

  /** Send what waits, in its order, until all of it is stored. */
  private async send(): Promise<void> {
    if (this.sending || this.closed) return;
    this.sending = true;
    let answer: Next | undefined;
    try {
      for (let waiting = this.outbox.waiting(); waiting.length; waiting = this.outbox.waiting()) {
        const who = waiting[0].annotator;
        const other = waiting.findIndex((kept) => kept.annotator !== who);
        const part = waiting.slice(0, Math.min(LONGEST, other < 0 ? waiting.length : other));
        const said = await this.ask<Said>('choices.say', { run: this.about.run, id: this.about.id, annotator: who, tab: this.tab, events: part.map((kept) => kept.event) });
        this.outbox.done([...said.stored, ...said.refused.map((one) => one.id)]);
        if (said.refused.length) this.refused = [...this.refused, ...said.refused.map((one) => one.why)];
        this.stored += said.stored.length;
        answer = who === this.annotator ? said : undefined;
      }
      this.waiting = 0;
      this.wait = 400;
      this.failure = undefined;
      const undone = this.before;
      if (answer && !undone) this.drafts?.removeItem(this.place);
      if (answer) this.put(answer);
      else await this.next();
      this.before = this.before === undone && undone ? this.before : undefined;
    } catch (error) {
      this.waiting = this.outbox.waiting().length;
      this.later(error as Error, () => void this.send());
    } finally {
      this.sending = false;
    }
  }

  private later(error: Error, again: () => void): void {
    this.failure = error;
    if (this.closed) return;
    clearTimeout(this.retry);
    this.retry = setTimeout(again, this.wait);
    this.wait = Math.min(4000, this.wait * 2);
  }

  private see = (): void => {
    if (document.hidden) this.away = performance.now();
    else if (this.away !== undefined) {
      this.hidden += performance.now() - Math.max(this.away, this.began ?? this.away);
      this.away = undefined;
    }
  };
}
