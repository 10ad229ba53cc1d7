// Edits as the address holds them: h2.1:0 is head 1 of block 2 silenced, n0.45:2 a neuron doubled, e1.3.7.2:0 an edge.

import type { Edit } from './types';

const LETTERS = { h: 'head', n: 'neuron', e: 'edge' } as const;

export function written(edits: Edit[]): string | undefined {
  return edits.length ? edits.map((edit) => `${nameOf(edit)}:${edit.scale}`).join(' ') : undefined;
}

/** What an edit is of, without by how much. */
export function nameOf(edit: Omit<Edit, 'scale'>): string {
  const places = [edit.block, edit.unit, ...(edit.part === 'edge' ? [edit.query, edit.key] : [])];
  return `${edit.part[0]}${places.join('.')}`;
}

export function read(text: string | undefined): Edit[] {
  return (text ?? '').split(' ').flatMap((word): Edit[] => {
    const found = /^([hne])([\d.]+):(-?\d+(?:\.\d+)?)$/.exec(word);
    if (!found) return [];
    const [block, unit, query, key] = found[2].split('.').map(Number);
    const part = LETTERS[found[1] as keyof typeof LETTERS];
    if (unit === undefined || (part === 'edge' && key === undefined)) return [];
    return [{ part, block, unit, scale: Number(found[3]), ...(part === 'edge' ? { query, key } : {}) }];
  });
}

/** The edits with one more, or with another scale for one. */
export function changed(edits: Edit[], edit: Edit): Edit[] {
  return [...without(edits, edit), edit];
}

export function without(edits: Edit[], edit: Omit<Edit, 'scale'>): Edit[] {
  return edits.filter((other) => nameOf(other) !== nameOf(edit));
}
