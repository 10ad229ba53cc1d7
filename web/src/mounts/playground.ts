import Playground from '../components/playground/Playground.svelte';
import { mounting } from '../lib/mount';

export const mount = mounting(Playground);
export { unpack } from '../lib/wire';
