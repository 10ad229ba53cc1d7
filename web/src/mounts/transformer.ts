import Transformer from '../components/transformer/Transformer.svelte';
import type { Data } from '../components/transformer/types';
import { mounting } from '../lib/mount';

export const mount = mounting<Data>(Transformer);
export { unpack } from '../lib/wire';
