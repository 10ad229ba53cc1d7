// From a drawing to the image that the network reads: scaled and centred as the drawings of its data are (MNIST's way).

import type { Style } from './kinds';

const FAINT = 24; // of 255: less is no ink

export interface Ink {
  data: Uint8Array; // 0 paper to 255 ink, row by row
  width: number;
  height: number;
}

/** A pad without ink. */
export function emptyPad(width: number, height: number): Ink {
  return { data: new Uint8Array(width * height), width, height };
}

/** Draw a line with a round pen, or take ink away; its edge is a pixel wide. */
export function line(ink: Ink, [x0, y0]: [number, number], [x1, y1]: [number, number], radius: number, erase = false): void {
  const { data, width, height } = ink;
  const [dx, dy] = [x1 - x0, y1 - y0];
  const long = dx * dx + dy * dy;
  const bottom = Math.min(height, Math.ceil(Math.max(y0, y1) + radius + 1));
  const right = Math.min(width, Math.ceil(Math.max(x0, x1) + radius + 1));
  for (let row = Math.max(0, Math.floor(Math.min(y0, y1) - radius - 1)); row < bottom; row++) {
    for (let column = Math.max(0, Math.floor(Math.min(x0, x1) - radius - 1)); column < right; column++) {
      const [px, py] = [column + 0.5 - x0, row + 0.5 - y0];
      const along = long ? Math.min(1, Math.max(0, (px * dx + py * dy) / long)) : 0;
      const far = Math.hypot(px - along * dx, py - along * dy);
      const level = Math.round(255 * Math.min(1, Math.max(0, radius + 0.5 - far)));
      const at = row * width + column;
      data[at] = erase ? Math.min(data[at], 255 - level) : Math.max(data[at], level);
    }
  }
}

/** An image as ink on a pad: enlarged, bilinear between the middles of its pixels. */
export function inkOf(pixels: Uint8Array, rows: number, columns: number, paper: number, width: number, height: number): Ink {
  const ink = emptyPad(width, height);
  const places = (count: number, most: number) =>
    Array.from({ length: count }, (_, i) => {
      const at = Math.min(most - 1, Math.max(0, ((i + 0.5) * most) / count - 0.5));
      return [Math.floor(at), Math.min(most - 1, Math.floor(at) + 1), at - Math.floor(at)];
    });
  const across = places(width, columns);
  places(height, rows).forEach(([above, below, down], y) => {
    across.forEach(([left, right, over], x) => {
      const upper = pixels[above * columns + left] * (1 - over) + pixels[above * columns + right] * over;
      const lower = pixels[below * columns + left] * (1 - over) + pixels[below * columns + right] * over;
      ink.data[y * width + x] = Math.abs(upper * (1 - down) + lower * down - paper);
    });
  });
  return ink;
}

/** The grey levels of an image of so many rows and columns, which is paper where nothing is drawn. */
export function pixelsOf(ink: Ink, rows: number, columns: number, style: Style): Uint8Array {
  const out = new Uint8Array(rows * columns).fill(style.paper);
  const box = boxOf(ink);
  if (!box) return out;
  const { sums, mass, x, y } = summed(ink);
  if (!mass) return out;
  const scale = (style.size * Math.max(rows, columns)) / Math.max(box.right - box.left, box.bottom - box.top);
  const left = inside(style.column * columns - x * scale, box.left * scale, box.right * scale, columns);
  const top = inside(style.row * rows - y * scale, box.top * scale, box.bottom * scale, rows);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const [x0, x1] = [(column - left) / scale, (column + 1 - left) / scale];
      const [y0, y1] = [(row - top) / scale, (row + 1 - top) / scale];
      const total = upTo(sums, ink, x1, y1) - upTo(sums, ink, x0, y1) - upTo(sums, ink, x1, y0) + upTo(sums, ink, x0, y0);
      const level = Math.min(255, Math.round(total * scale * scale));
      out[row * columns + column] = style.paper ? 255 - level : level;
    }
  }
  return out;
}

/** A shift that keeps what is drawn in the image, if it fits. */
function inside(shift: number, low: number, high: number, most: number): number {
  if (high - low > most) return shift;
  return Math.round(Math.min(most - high, Math.max(-low, shift)) * 1e6) / 1e6;
}

/** The smallest rectangle around the ink. */
export function boxOf({ data, width, height }: Ink): { left: number; right: number; top: number; bottom: number } | undefined {
  let [left, right, top, bottom] = [width, -1, height, -1];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (data[y * width + x] < FAINT) continue;
      if (x < left) left = x;
      if (x > right) right = x;
      if (y < top) top = y;
      bottom = y;
    }
  }
  return right < 0 ? undefined : { left, right: right + 1, top, bottom: bottom + 1 };
}

/** Sums over all rectangles from the corner, the ink's mass and its centre. */
function summed({ data, width, height }: Ink) {
  const sums = new Float64Array((width + 1) * (height + 1));
  let [mass, x, y] = [0, 0, 0];
  for (let row = 0; row < height; row++) {
    let line = 0;
    for (let column = 0; column < width; column++) {
      const value = data[row * width + column];
      line += value;
      mass += value;
      x += value * (column + 0.5);
      y += value * (row + 0.5);
      sums[(row + 1) * (width + 1) + column + 1] = sums[row * (width + 1) + column + 1] + line;
    }
  }
  return { sums, mass, x: mass ? x / mass : 0, y: mass ? y / mass : 0 };
}

/** The sum over a rectangle from the corner to a place that may lie within a pixel. */
function upTo(sums: Float64Array, { width, height }: Ink, x: number, y: number): number {
  const [px, py] = [Math.min(width, Math.max(0, x)), Math.min(height, Math.max(0, y))];
  const [x0, y0] = [Math.min(width - 1, Math.floor(px)), Math.min(height - 1, Math.floor(py))];
  const [fx, fy] = [px - x0, py - y0];
  const at = y0 * (width + 1) + x0;
  const below = at + width + 1;
  return (sums[at] * (1 - fx) + sums[at + 1] * fx) * (1 - fy) + (sums[below] * (1 - fx) + sums[below + 1] * fx) * fy;
}

// ---------------------------------------------------------------------------------------------------------------------
// In an address: runs of paper are counted, other levels stand as they are, and all is written in base64 for addresses.

export function written(pixels: Uint8Array, paper: number): string {
  const bytes: number[] = [];
  for (let i = 0; i < pixels.length; ) {
    if (pixels[i] !== paper) bytes.push(pixels[i++]);
    else {
      let run = 0;
      while (i < pixels.length && pixels[i] === paper && run < 255) [run, i] = [run + 1, i + 1];
      bytes.push(paper, run);
    }
  }
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** The pixels that `written` wrote; undefined for what is no image of so many. */
export function read(text: string, count: number, paper: number): Uint8Array | undefined {
  let bytes: string;
  try {
    bytes = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  } catch {
    return undefined;
  }
  const found: number[] = [];
  for (let i = 0; i < bytes.length && found.length <= count; i++) {
    const byte = bytes.charCodeAt(i);
    if (byte !== paper) found.push(byte);
    else for (let run = bytes.charCodeAt(++i) || 0; run > 0; run--) found.push(paper);
  }
  return found.length === count ? Uint8Array.from(found) : undefined;
}
