// Whether the paper is dark: what is painted on a canvas is painted anew when it changes.

const dark = matchMedia('(prefers-color-scheme: dark)');
export const scheme = $state({ dark: dark.matches });
dark.addEventListener('change', () => (scheme.dark = dark.matches));
