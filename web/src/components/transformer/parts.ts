// The stations of a block in their order: what each is called, computes and says, in the architecture at hand.

import type { Facts, Part } from './types';

export interface Told {
  title: string;
  formula: string;
  what: string;
  /** Words of the glossary that it is about. */
  words?: string[];
}

const NORMS: Record<Facts['architecture'], string> = {
  gpt2: '(x − mean) / √(variance + ε) · gain + bias',
  llama: 'x / √(mean(x²) + ε) · gain',
  qwen3: 'x / √(mean(x²) + ε) · gain',
  nanochat: 'x / √(mean(x²) + ε)',
};

export function told(part: Part, { architecture, heads, kv_heads, gated, softcap }: Facts): Told {
  const rotary = architecture !== 'gpt2';
  const norm = architecture === 'gpt2' ? 'LayerNorm' : 'RMSNorm';
  const turned = rotary ? `, turned by the token’s position (RoPE)${architecture === 'qwen3' || architecture === 'nanochat' ? ' and normed' : ''}` : '';
  const shared = kv_heads < heads ? ` ${heads / kv_heads} heads share one.` : '';
  const all: Record<Part, Told> = {
    embed: {
      title: 'Embedding',
      formula: rotary ? 'x = row of the token in the table' : 'x = row of the token + row of the position',
      what: rotary
        ? `Each token is looked up in a table of learned vectors.${architecture === 'nanochat' ? ' They are normed before the first block.' : ''} Where it stands is told to queries and keys later, by turning them.`
        : 'Each token is looked up in a table of learned vectors; a learned vector for its position is added.',
    },
    norm1: { title: `${norm} before attention`, formula: NORMS[architecture], what: 'What attention reads is the stream at one scale, whatever its length; the stream itself goes on as it is.' },
    q: { title: 'Query', formula: `q = x W${turned && ', then RoPE'}`, what: `What each token looks for${turned}.` },
    k: { title: 'Key', formula: `k = x W${turned && ', then RoPE'}`, what: `What each token offers to be found by${turned}.${shared}` },
    v: { title: 'Value', formula: 'v = x W', what: `What a token hands over to those that read from it.${shared}` },
    scores: { title: 'Attention', formula: 'softmax(q·k / √d)', what: 'Each token’s query meets the keys of all tokens up to its own. The products, divided by √d, become weights that sum to 1.', words: ['pattern'] },
    z: { title: 'What the head reads', formula: 'z = Σ weight · v', what: 'The values of the tokens that are read, by their weights.' },
    attn_out: { title: 'What attention adds', formula: 'Σ over heads of z W_O', what: 'Each head’s part goes through its rows of the output matrix; the parts of all heads are summed.' },
    resid_mid: { title: 'Stream after attention', formula: 'x + attention', what: 'The residual connection: what attention found is added to what was there.', words: ['residual stream'] },
    norm2: { title: `${norm} before the MLP`, formula: NORMS[architecture], what: 'What the MLP reads is the stream at one scale.' },
    up: { title: 'MLP up', formula: gated ? 'gate = x W_gate, up = x W_up' : 'up = x W_up', what: 'Each neuron compares the token’s vector with a pattern of its own.' },
    post: {
      title: 'Neurons',
      formula: gated ? 'silu(gate) · up' : architecture === 'gpt2' ? 'gelu(up)' : 'max(0, up)²',
      what: 'What each neuron says after its nonlinearity. Press one to look at it, and silence it below.',
      words: ['ablation'],
    },
    mlp_out: { title: 'What the MLP adds', formula: 'neurons W_down', what: 'Each neuron writes its own vector into the stream, by its activation.' },
    resid_post: { title: 'Stream after the block', formula: 'x + MLP', what: 'The residual connection: what the next block reads, or behind the last one the output.', words: ['residual stream'] },
    logits: {
      title: 'Logits',
      formula: softcap === null ? 'norm(x) W_unembed' : `${softcap} · tanh(norm(x) W_unembed / ${softcap})`,
      what: 'The last stream of one token is normed and compared with a vector of every token of the vocabulary.',
      words: ['logits'],
    },
  };
  return all[part];
}
