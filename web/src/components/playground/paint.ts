// Heat maps on a canvas, in the report's colours: a number's sign and size, or which class is likely.

import { rgb, signedBytes, signedPlace } from '../../lib/colours';

/** Colours of classes, from the palette's lines. */
export function classColours(): string[] {
  const style = getComputedStyle(document.documentElement);
  return [1, 0, 2, 3, 4, 5, 7, 6].map((i) => style.getPropertyValue(`--line${i}`).trim());
}

function paper(): [number, number, number] {
  return rgb(getComputedStyle(document.documentElement).getPropertyValue('--below0').trim());
}

function image(canvas: HTMLCanvasElement, side: number): [CanvasRenderingContext2D, ImageData] {
  if (canvas.width !== side) canvas.width = canvas.height = side;
  const context = canvas.getContext('2d')!;
  return [context, context.createImageData(side, side)];
}

/** Signed numbers, by their share of `most`; in two colours alone where `discrete`. What is no number stays empty. */
export function paintSigned(canvas: HTMLCanvasElement, side: number, values: ArrayLike<number>, most: number, discrete = false): void {
  const [context, pixels] = image(canvas, side);
  const colours = new Uint32Array(signedBytes().buffer);
  const target = new Uint32Array(pixels.data.buffer);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (Number.isNaN(value)) continue;
    target[i] = colours[discrete ? signedPlace(0.55 * Math.sign(value), 1) : signedPlace(value, most)];
  }
  context.putImageData(pixels, 0, 0);
}

/** Classes by their probabilities: each class's colour, paler where others are likely, too. */
export function paintClasses(canvas: HTMLCanvasElement, side: number, shares: Float64Array[], discrete = false): void {
  const [context, pixels] = image(canvas, side);
  const colours = classColours().map(rgb);
  const [red, green, blue] = paper();
  for (let i = 0; i < shares[0].length; i++) {
    let best = 0;
    for (let k = 1; k < shares.length; k++) if (shares[k][i] > shares[best][i]) best = k;
    const even = 1 / shares.length;
    const depth = discrete ? 0.7 : 0.15 + (0.7 * (shares[best][i] - even)) / (1 - even);
    if (Number.isNaN(depth)) continue;
    const colour = colours[best % colours.length];
    pixels.data.set([red + depth * (colour[0] - red), green + depth * (colour[1] - green), blue + depth * (colour[2] - blue), 255], 4 * i);
  }
  context.putImageData(pixels, 0, 0);
}
