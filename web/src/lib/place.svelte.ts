// Where a component keeps what is chosen: the address on a page of the studio, itself where it stands alone.

import { address, choose } from './address.svelte';

export interface Place {
  readonly query: Record<string, string>;
  choose(changes: Record<string, string | number | undefined>, step?: boolean): void;
}

export const inAddress: Place = {
  get query() {
    return address.query;
  },
  choose,
};

export function ownPlace(query: Record<string, string> = {}): Place {
  const chosen = $state({ ...query });
  return {
    get query() {
      return chosen;
    },
    choose(changes) {
      for (const [name, value] of Object.entries(changes)) {
        if (value === undefined || value === '') delete chosen[name];
        else chosen[name] = String(value);
      }
    },
  };
}
