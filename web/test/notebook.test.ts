import { expect, test } from 'vitest';
import { Refused } from '../src/lib/ask';
import { asking, rendering, type Model } from '../src/lib/notebook';

/** Packed as wire.py does it, lying somewhere in a larger message. */
function packed(value: unknown): DataView {
  const json = JSON.stringify(value);
  const text = new TextEncoder().encode(json.padEnd(Math.ceil(json.length / 4) * 4));
  const whole = new Uint8Array(5 + 4 + text.length);
  new DataView(whole.buffer).setUint32(5, text.length, true);
  whole.set(text, 9);
  return new DataView(whole.buffer, 5);
}

/** anywidget's model, whose kernel answers what `say` is given. */
function fake(data: unknown, answers = true) {
  const heard = new Set<(content: never, buffers: DataView[]) => void>();
  const sent: { ask: string; question: string; args: unknown }[] = [];
  const model: Model = {
    get: (name) => (name === 'data' ? packed(data) : answers),
    send: (content) => void sent.push(content as never),
    on: (_, one) => void heard.add(one),
    off: (_, one) => void heard.delete(one),
  };
  const say = (content: unknown, buffers: DataView[] = []) => heard.forEach((one) => one(content as never, buffers));
  return { model, sent, say, heard };
}

test('each question hears its own answer, in whatever order they come, as values or as one line', async () => {
  const { model, sent, say } = fake({});
  const { ask } = asking(model);
  const [first, second, third] = [ask('a.b', { n: 1 }), ask('a.b', { n: 2 }), ask('c.d')];
  expect(sent.map(({ question, args }) => [question, args])).toEqual([['a.b', { n: 1 }], ['a.b', { n: 2 }], ['c.d', {}]]);
  say({ answer: sent[1].ask }, [packed({ is: 'second' })]);
  say({ answer: 'of another view' }, [packed({})]);
  say({ answer: sent[2].ask, error: 'there is none: take another', status: 400 });
  say({ answer: sent[0].ask }, [packed({ is: 'first' })]);
  expect(await first).toEqual({ is: 'first' });
  expect(await second).toEqual({ is: 'second' });
  const refused = await third.catch((error: Refused) => error) as Refused;
  expect(refused).toBeInstanceOf(Refused);
  expect(refused.message).toBe('there is none: take another');
});

test('a question that is given up is not waited for', async () => {
  const { model, sent, say } = fake({});
  const control = new AbortController();
  const asked = asking(model).ask('a.b', {}, control.signal);
  control.abort();
  expect((await asked.catch((error: Error) => error) as Error).name).toBe('AbortError');
  expect(() => say({ answer: sent[0].ask }, [packed({})])).not.toThrow();
});

test('a view has the data and a way to ask where the kernel answers, and leaves nothing behind', () => {
  for (const answers of [true, false]) {
    const { model, heard } = fake({ run: 'it' }, answers);
    const seen: unknown[] = [];
    const names: string[] = [];
    const el = { classList: { add: (name: string) => names.push(name) } } as never;
    const end = rendering((_, data, ask) => (seen.push(data, typeof ask), () => void seen.push('ended')))({ model, el });
    expect(seen).toEqual([{ run: 'it' }, answers ? 'function' : 'undefined']);
    expect(heard.size).toBe(answers ? 1 : 0);
    end();
    expect(heard.size).toBe(0);
    expect(seen.at(-1)).toBe('ended');
    expect(names).toEqual(['glassworks']);
  }
});
