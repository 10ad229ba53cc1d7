// The only way from a component to Python. Offline there is none, and components live by the data they were given.

import { unpack } from './wire';

/** Asks a question by its name; an Error's message is one line for the reader. `signal` gives an older question up. */
export type Ask = <Answer>(question: string, args?: Record<string, unknown>, signal?: AbortSignal) => Promise<Answer>;

/** Whether a question was lost because the studio was away: what is shown then may lack its answer. */
export const missed = { any: false };

export class Refused extends Error {
  constructor(message: string, readonly status: number) {
    super(message);
  }
}

export const ask: Ask = async (question, args = {}, signal) => {
  let answer: Response;
  try {
    answer = await fetch(`/api/ask/${question}`, {
      method: 'POST',
      body: JSON.stringify(args),
      headers: { 'content-type': 'application/json' },
      signal,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    missed.any = true;
    throw new Refused('The studio does not answer. This page goes on by itself once it does.', 0);
  }
  if (answer.ok) return unpack(await answer.arrayBuffer()) as never;
  if (answer.status === 403) missed.any = true;
  const text = await answer.text();
  let message = text;
  try {
    message = JSON.parse(text).error ?? text;
  } catch {
    // not ours: the text as it is
  }
  throw new Refused(message, answer.status);
};

/** Whether an error only says that a newer question took an older one's place. */
export function isGivenUp(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}

/** A function that asks at most one question at a time: while one is under way only the newest waits. */
export function newest<Args, Answer>(question: (args: Args, signal: AbortSignal) => Promise<Answer>, then: (answer: Answer, args: Args) => void, failed: (error: Error) => void) {
  let waiting: { args: Args } | undefined;
  let busy = false;
  const control = new AbortController();
  async function go(args: Args) {
    busy = true;
    try {
      then(await question(args, control.signal), args);
    } catch (error) {
      if (!isGivenUp(error)) failed(error as Error);
    }
    busy = false;
    const next = waiting;
    waiting = undefined;
    if (next) void go(next.args);
  }
  return {
    ask(args: Args) {
      if (busy) waiting = { args };
      else void go(args);
    },
    stop: () => control.abort(),
  };
}
