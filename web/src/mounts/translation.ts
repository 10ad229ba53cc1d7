import Translation from '../components/translation/Translation.svelte';
import type { Data } from '../components/translation/types';
import { mounting } from '../lib/mount';

export const { mount, render, unpack } = mounting<Data>(Translation);
