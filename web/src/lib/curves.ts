// Arithmetic of curves: points that grow, smoothing, what of them is in view, and round numbers for an axis.

export type Series = Float32Array | Float64Array;

/** Points of a curve, in order of x; NaNs are left out, so that a number logged at every tenth step is a line, too. */
export class Points {
  x = new Float64Array(256);
  y = new Float64Array(256);
  length = 0;

  push(x: number, y: number): void {
    if (!Number.isFinite(x) || !Number.isFinite(y)) return;
    if (this.length === this.x.length) {
      for (const name of ['x', 'y'] as const) {
        const longer = new Float64Array(2 * this.length);
        longer.set(this[name]);
        this[name] = longer;
      }
    }
    // a clock that was set back must not let a line run backwards
    this.x[this.length] = this.length ? Math.max(x, this.x[this.length - 1]) : x;
    this.y[this.length++] = y;
  }

  static of(x: ArrayLike<number>, y: ArrayLike<number>): Points {
    const points = new Points();
    for (let i = 0; i < Math.min(x.length, y.length); i++) points.push(x[i], y[i]);
    return points;
  }
}

/** Exponential moving average without its pull to the start (Adam's correction); `share` of the past, 0 = as it is. */
export function smoothed(y: Series, length: number, share: number): Float64Array {
  const found = new Float64Array(length);
  let mean = 0;
  let weight = 0;
  for (let i = 0; i < length; i++) {
    mean = share * mean + (1 - share) * y[i];
    weight = share * weight + (1 - share);
    found[i] = mean / weight;
  }
  return found;
}

/** The first index whose x is at least this. */
export function from(x: Series, length: number, value: number): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (x[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The index whose x is nearest; -1 where there is none. */
export function nearest(x: Series, length: number, value: number): number {
  const after = from(x, length, value);
  if (after === 0) return length ? 0 : -1;
  return after < length && x[after] - value < value - x[after - 1] ? after : after - 1;
}

/** Lowest and highest y between two x. `late` leaves out the first twentieth, whose fall would squash the rest. */
export function extent(x: Series, y: Series, length: number, left: number, right: number, late: boolean): [number, number] {
  const begin = from(x, length, left);
  const end = Math.min(length, from(x, length, right) + 1);
  const skipped = late ? begin + Math.floor((end - begin) / 20) : begin;
  let low = Infinity;
  let high = -Infinity;
  for (let i = skipped; i < end; i++) {
    if (y[i] < low) low = y[i];
    if (y[i] > high) high = y[i];
  }
  return [low, high];
}

/** About `count` round numbers between two. */
export function ticks(low: number, high: number, count: number): number[] {
  const span = high - low;
  if (!(span > 0)) return Number.isFinite(low) ? [low] : [];
  const rough = span / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((one) => one * power >= rough) ?? 10);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** Powers of ten between two, or 1, 2 and 5 times those where they are few. */
export function logTicks(low: number, high: number): number[] {
  const found: number[] = [];
  const few = Math.log10(high / low) < 2;
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high) + 1e-9; power++) {
    for (const times of few ? [1, 2, 5] : [1]) {
      const value = Number((times * 10 ** power).toPrecision(12));
      if (value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9)) found.push(value);
    }
  }
  return found.length > 1 ? found : ticks(low, high, 4).filter((value) => value > 0);
}

export interface Pen {
  moveTo(x: number, y: number): void;
  lineTo(x: number, y: number): void;
  stroke(): void;
  beginPath(): void;
  fillRect(x: number, y: number, width: number, height: number): void;
}
const WIDTH = 1.5;
const PIECE = 64;

/**
 * Draw the part of a line that is in view. Where several points fall on a pixel, a bar from the lowest to the highest
 * of them: what a line through all of them would paint, at a cost that does not grow with them. A line is stroked in
 * pieces, since a long path that goes up and down is slow to fill.
 */
export function trace(pen: Pen, x: Series, y: Series, length: number, toX: (value: number) => number, toY: (value: number) => number, left: number, right: number): void {
  const begin = Math.max(0, from(x, length, left) - 1);
  const end = Math.min(length, from(x, length, right) + 2);
  if (end - begin > 2 * Math.max(1, toX(right) - toX(left))) return bars(pen, x, y, begin, end, toX, toY);
  for (let i = begin; i < end - 1 || i === begin; i += PIECE) {
    pen.beginPath();
    pen.moveTo(toX(x[i]), toY(y[i]));
    for (let j = i + 1; j <= Math.min(i + PIECE, end - 1); j++) pen.lineTo(toX(x[j]), toY(y[j]));
    pen.stroke();
  }
}

function bars(pen: Pen, x: Series, y: Series, begin: number, end: number, toX: (value: number) => number, toY: (value: number) => number): void {
  let before = y[begin];
  for (let i = begin; i < end; ) {
    const column = Math.floor(toX(x[i]));
    let low = Math.min(before, y[i]);
    let high = Math.max(before, y[i]);
    let j = i + 1;
    for (; j < end && toX(x[j]) < column + 1; j++) {
      if (y[j] < low) low = y[j];
      else if (y[j] > high) high = y[j];
    }
    const [top, bottom] = [toY(high), toY(low)];
    pen.fillRect(column, top - WIDTH / 2, 1, bottom - top + WIDTH);
    before = y[j - 1];
    i = j;
  }
}
