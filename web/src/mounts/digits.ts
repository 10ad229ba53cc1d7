import Digits from '../components/digits/Digits.svelte';
import type { Network } from '../components/digits/kinds';
import { mounting } from '../lib/mount';

export const { mount, render, unpack } = mounting<Network>(Digits);
