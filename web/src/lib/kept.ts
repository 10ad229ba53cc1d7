// A page of one file that answers by itself what was asked when it was kept (glassworks/studio/questions/pages.py).

import { Refused, type Ask } from './ask';

export interface Asked {
  question: string;
  args: Record<string, unknown>;
}

/** What the data of a page that was kept have beside the component's own. */
export interface Kept {
  answers?: (Asked & { answer: unknown })[];
  /** What was chosen on it, as the address had it. */
  chosen?: Record<string, string>;
}

/** The page as one file: its data, or the question that they answer, and what else it should be able to answer. */
export function keep(ask: Ask, what: { component: string; title: string; data?: unknown; begin?: Asked; asked: Asked[]; chosen: Record<string, string> }): Promise<{ html: string }> {
  return ask('pages.keep', what);
}

/** Answers what a page was kept with, and refuses all else in a line. */
export function replaying(known: NonNullable<Kept['answers']>): Ask {
  const answers = new Map(known.map(({ question, args, answer }) => [key(question, args), answer]));
  return async (question, args = {}) => {
    const found = answers.get(key(question, args));
    if (found === undefined) throw new Refused('This page holds what was shown when it was kept: the studio has the rest.', 404);
    return found as never;
  };
}

/** A question by what it asks: arguments in any order, and those that are undefined left out. */
function key(question: string, args: Record<string, unknown>): string {
  return question + JSON.stringify(Object.entries(JSON.parse(JSON.stringify(args))).sort(([a], [b]) => (a < b ? -1 : 1)));
}
