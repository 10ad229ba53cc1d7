import Playground from '../components/playground/Playground.svelte';
import { mounting } from '../lib/mount';

export const { mount, render, unpack } = mounting(Playground);
