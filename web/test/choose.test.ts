import { describe, expect, test } from 'vitest';
import { placed, ranked, standing, timeLeft } from '../src/components/choose/kinds';
import { Outbox, type Shelf } from '../src/components/choose/outbox';

class Browser implements Shelf {
  items = new Map<string, string>();
  full = false;
  get length() {
    return this.items.size;
  }
  key = (i: number) => [...this.items.keys()][i] ?? null;
  getItem = (key: string) => this.items.get(key) ?? null;
  removeItem = (key: string) => void this.items.delete(key);
  setItem = (key: string, value: string) => {
    if (this.full) throw new DOMException('full', 'QuotaExceededError');
    this.items.set(key, value);
  };
}
const undo = (id: string) => ({ id, undo: 'x' });

describe('what is on its way', () => {
  test('is there when the page is opened anew, in its order, until it is stored', () => {
    const browser = new Browser();
    const closed = new Outbox(browser, 'store', 'tab');
    for (const id of ['a', 'b', 'c']) closed.add('ada', undo(id));
    const opened = new Outbox(browser, 'store', 'other');
    opened.add('bob', undo('d'));
    expect(opened.waiting().map((kept) => kept.event.id).sort()).toEqual(['a', 'b', 'c', 'd']);
    expect(opened.waiting().filter((kept) => kept.annotator === 'ada').map((kept) => kept.event.id)).toEqual(['a', 'b', 'c']);
    opened.done(['b', 'd']);
    expect(closed.waiting().map((kept) => kept.event.id)).toEqual(['a', 'c']);
    opened.done(['a', 'c']);
    expect(browser.length).toBe(0);
  });
  test('of another store is left alone, as is what is no choice', () => {
    const browser = new Browser();
    new Outbox(browser, 'one', 'tab').add('ada', undo('a'));
    browser.setItem('glassworks.choices.two.tab.0.0', '{half');
    expect(new Outbox(browser, 'two', 'tab').waiting()).toEqual([]);
    expect(browser.length).toBe(2);
  });
  test('is kept by the page where the browser keeps nothing', () => {
    const browser = new Browser();
    browser.full = true;
    const outbox = new Outbox(browser, 'store', 'tab');
    outbox.add('ada', undo('a'));
    expect(outbox.keeps).toBe(false);
    expect(outbox.waiting().map((kept) => kept.event.id)).toEqual(['a']);
    outbox.done(['a']);
    expect(outbox.waiting()).toEqual([]);
    expect(new Outbox(undefined, 'store', 'tab').keeps).toBe(false);
  });
  test('keeps its order though the clock is set back', () => {
    const browser = new Browser();
    const outbox = new Outbox(browser, 'store', 'tab');
    const real = Date.now;
    Date.now = () => 2_000_000_000_000;
    outbox.add('ada', undo('first'));
    Date.now = () => 1_000_000_000_000;
    outbox.add('ada', undo('second'));
    const reopened = new Outbox(browser, 'store', 'tab');
    reopened.add('ada', undo('third'));
    Date.now = real;
    expect(reopened.waiting().map((kept) => kept.event.id)).toEqual(['first', 'second', 'third']);
  });
});

describe('a ranking', () => {
  test('grows by what is pressed, level where it is said, and shrinks by a second press', () => {
    const two = ranked(ranked([], 2), 0);
    expect(two).toEqual([[2], [0]]);
    expect(ranked(two, 1, true)).toEqual([[2], [0, 1]]);
    expect(ranked(two, 2)).toEqual([[0]]);
    expect(ranked([], 1, true)).toEqual([[1]]);
  });
  test('is said by the options that stood at these places', () => {
    expect(placed([[2], [0, 1]], [1, 2, 0])).toEqual([[0], [1, 2]]);
  });
});

test('the time left is said as it is known', () => {
  expect([timeLeft(0, 3), timeLeft(10, null), timeLeft(5, 3), timeLeft(40, 6), timeLeft(1000, 9)]).toEqual(['', '', 'less than a minute', 'about 4 min', 'about 2.5 h']);
});

test('a drawing takes the colours of the page along, and says that it is one', () => {
  const colours: Record<string, string> = { '--ink': '#111' };
  expect(standing('<svg viewBox="0 0 1 1"><path stroke="var(--ink)" fill="var(--none)"/></svg>', (name) => colours[name] ?? '')).toBe(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><path stroke="#111" fill="currentColor"/></svg>',
  );
  const whole = "<svg xmlns='http://www.w3.org/2000/svg'/>";
  expect(standing(whole, () => '')).toBe(whole);
});
