import type { Network } from '../components/othello/kinds';
import Othello from '../components/othello/Othello.svelte';
import { mounting } from '../lib/mount';

export const { mount, render, unpack } = mounting<Network>(Othello);
