import Transformer from '../components/transformer/Transformer.svelte';
import type { Data } from '../components/transformer/types';
import { dress } from '../lib/alone';
import { mounting, type Mount } from '../lib/mount';

const mounted = mounting<Data>(Transformer);
export const mount: Mount<Data> = (element, data, ask) => {
  dress();
  return mounted(element, data, ask);
};
export { unpack } from '../lib/wire';
