import Translation from '../components/translation/Translation.svelte';
import type { Data } from '../components/translation/types';
import { mounting } from '../lib/mount';

export const mount = mounting<Data>(Translation);
export { unpack } from '../lib/wire';
