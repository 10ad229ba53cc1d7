// Choices on their way: each is kept in this browser before it is sent, and until the studio says that it is stored.

import type { Event } from './kinds';

export interface Kept {
  key: string;
  annotator: string;
  event: Event;
}

/** What is asked of a browser's storage. */
export type Shelf = Pick<Storage, 'getItem' | 'setItem' | 'removeItem' | 'key' | 'length'>;

const PREFIX = 'glassworks.choices';

export class Outbox {
  private count = 0;
  private own = new Map<string, Kept>(); // where the browser keeps nothing
  /** Whether what is on its way outlives the page. */
  keeps = true;

  constructor(
    private shelf: Shelf | undefined,
    private store: string,
    private tab: string,
  ) {
    this.keeps = shelf !== undefined;
    const numbers = this.keys(`${PREFIX}.${store}.${tab}.`).map((key) => Number(key.split('.').at(-1)));
    this.count = Math.max(-1, ...numbers.filter(Number.isFinite)) + 1; // by numbers: clocks are set back
  }

  add(annotator: string, event: Event): void {
    const key = `${PREFIX}.${this.store}.${this.tab}.${String(this.count++).padStart(9, '0')}`;
    const kept = { key, annotator, event };
    try {
      this.shelf!.setItem(key, JSON.stringify(kept));
    } catch {
      this.keeps = false;
      this.own.set(key, kept);
    }
  }

  /** All that is not known to be stored, of this page or of one that was closed; of each page in its order. */
  waiting(): Kept[] {
    const found = [...this.own.values()];
    for (const key of this.keys(`${PREFIX}.${this.store}.`)) {
      try {
        found.push({ ...(JSON.parse(this.shelf?.getItem(key) ?? '') as Kept), key });
      } catch {
        // another version's, or cut off: it is left where it is
      }
    }
    return found.sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  private keys(prefix: string): string[] {
    const all = Array.from({ length: this.shelf?.length ?? 0 }, (_, i) => this.shelf!.key(i) ?? '');
    return all.filter((key) => key.startsWith(prefix));
  }

  /** Forget those that are stored, or that no store takes. */
  done(ids: string[]): void {
    for (const { key, event } of this.waiting()) {
      if (!ids.includes(event.id)) continue;
      this.own.delete(key);
      this.shelf?.removeItem(key);
    }
  }
}

/** The browser's storage, if it has one that can be used. */
export function shelfOf(name: 'localStorage' | 'sessionStorage'): Storage | undefined {
  try {
    const found = globalThis[name];
    found.setItem(`${PREFIX}.try`, '1');
    found.removeItem(`${PREFIX}.try`);
    return found;
  } catch {
    return undefined;
  }
}

/** This page's own name, the same when it is loaded anew; a copy of the tab has another. */
export function tabName(shelf = shelfOf('sessionStorage')): string {
  const key = `${PREFIX}.tab`;
  const found = shelf?.getItem(key) ?? crypto.randomUUID();
  shelf?.removeItem(key); // a tab that is copied meanwhile finds none
  addEventListener('pagehide', () => shelf?.setItem(key, found));
  return found;
}
