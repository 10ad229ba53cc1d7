import Transformer from '../components/transformer/Transformer.svelte';
import type { Data } from '../components/transformer/types';
import { mounting } from '../lib/mount';

export const { mount, render, unpack } = mounting<Data>(Transformer);
