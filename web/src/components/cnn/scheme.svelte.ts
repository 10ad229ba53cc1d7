// Told when the paper turns dark or light: canvases are painted anew.

export const colours = $state({ turn: 0 });

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => (colours.turn += 1));
