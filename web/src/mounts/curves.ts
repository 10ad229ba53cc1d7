import Curves, { type Shown } from '../components/runs/Curves.svelte';
import { mounting } from '../lib/mount';

export const { mount, render, unpack } = mounting<Shown>(Curves);
