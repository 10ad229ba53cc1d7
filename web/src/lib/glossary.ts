// The words of docs/glossary.md: asked for once, when the first of them is looked at.

import { ask } from './ask';

let words: Promise<Record<string, string>> | undefined;

/** What a word means; undefined where the glossary lacks it, or cannot be had, as in a page of one file. */
export async function meaning(word: string): Promise<string | undefined> {
  words ??= ask<Record<string, string>>('glossary.words');
  try {
    return (await words)[word.toLowerCase()];
  } catch {
    words = undefined;
    return undefined;
  }
}
