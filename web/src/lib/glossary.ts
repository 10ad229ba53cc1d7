// The words of docs/glossary.md: asked for once, when the first of them is looked at.

import type { Ask } from './ask';

let ask: Ask | undefined;
let words: Promise<Record<string, string>> | undefined;

/** Whom to ask for the words; nobody in a page of one file. */
export function askIt(of: Ask): void {
  ask = of;
}

/** What a word means; undefined where the glossary lacks it, or cannot be had. */
export async function meaning(word: string): Promise<string | undefined> {
  words ??= ask?.<Record<string, string>>('glossary.words');
  try {
    return (await words)?.[word.toLowerCase()];
  } catch {
    words = undefined;
    return undefined;
  }
}
