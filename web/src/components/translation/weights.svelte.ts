// A sublayer's matrices, asked when it is chosen.

import type { Look } from './look.svelte';
import type { Part, Weights } from './types';

/** Follows the chosen layer; `of.now` is undefined until they are there. Called while a component is made. */
export function weightsOf(look: () => Look, part: () => Part): { readonly now: Weights | undefined; readonly failure: Error | undefined } {
  let now = $state.raw<Weights | undefined>();
  let failure = $state.raw<Error | undefined>();
  $effect(() => {
    const of = look();
    void [of.stack, of.layer, of.data.step];
    let stale = false;
    now = failure = undefined;
    of.weights(part())?.then((found) => !stale && (now = found), (error) => !stale && (failure = error));
    return () => (stale = true);
  });
  return {
    get now() {
      return now;
    },
    get failure() {
      return failure;
    },
  };
}
