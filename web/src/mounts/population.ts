import Population, { type Search } from '../components/population/Population.svelte';
import { mounting } from '../lib/mount';

export const { mount, render, unpack } = mounting<Search>(Population);
