// Numbers as a reader takes them in: short, and never more certain than they are.

/** About `digits` significant digits, without zeros that say nothing: 0.0312, 1.5, 12,400. */
export function short(value: number | null | undefined, digits = 3): string {
  if (value === null || value === undefined || Number.isNaN(value)) return '–';
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞';
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return value.toLocaleString('en-GB').replace('-', '−');
  const size = Math.abs(value);
  const text = size >= 1e5 || size < 1e-4 ? value.toExponential(digits - 1) : String(Number(value.toPrecision(digits)));
  return text.replace('e+', 'e').replaceAll('-', '−');
}

/** A fixed number of decimals, with a minus sign that is one. */
export function fixed(value: number, decimals = 2): string {
  return Number.isFinite(value) ? value.toFixed(decimals).replace('-', '−') : short(value);
}

/** Seconds as 3 s, 4:05 or 1:02:03. */
export function time(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return '';
  if (seconds < 60) return `${short(seconds, 2)} s`;
  const whole = Math.round(seconds);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const kept = parts[0] ? parts : parts.slice(1);
  return kept.map((part, i) => (i ? String(part).padStart(2, '0') : part)).join(':');
}

/** A token as text that can be seen: spaces and line ends have signs. */
export function visible(token: string): string {
  return token === '' ? '∅' : token.replaceAll(' ', '·').replaceAll('\n', '⏎').replaceAll('\t', '⇥');
}
