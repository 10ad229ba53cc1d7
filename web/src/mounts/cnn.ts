import Cnn from '../components/cnn/Cnn.svelte';
import type { Network } from '../lib/cnn/network';
import { mounting } from '../lib/mount';

export const { mount, render, unpack } = mounting<Network>(Cnn);
