// The nonlinearities of our GPTs' MLPs.

export function activated(architecture: 'gpt2' | 'llama' | 'qwen3' | 'nanochat', x: number): number {
  if (architecture === 'nanochat') return Math.max(0, x) ** 2;
  if (architecture === 'gpt2') return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
  return x / (1 + Math.exp(-x));
}
