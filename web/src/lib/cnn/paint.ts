// Maps of numbers as pixels of a canvas.

import { signedBytes, signedPlace } from '../colours';

export type Ink = 'signed' | 'grey' | 'rgb';

/** A map's numbers as an image of a pixel each. `most` ends the scale; of grey, that is white. */
export function pixels(data: ArrayLike<number>, rows: number, columns: number, most: number, ink: Ink): ImageData {
  const image = new ImageData(columns, rows);
  const colours = ink === 'signed' ? signedBytes() : undefined;
  const places = rows * columns;
  for (let i = 0; i < places; i++) {
    if (colours) {
      const from = 4 * signedPlace(data[i], most);
      for (let k = 0; k < 4; k++) image.data[4 * i + k] = colours[from + k];
    }
    else {
      const light = (c: number) => (255 * data[ink === 'rgb' ? c * places + i : i]) / (most || 1);
      image.data.set([light(0), light(1), light(2), 255], i * 4);
    }
  }
  return image;
}

const scratch = typeof document === 'undefined' ? undefined : document.createElement('canvas');

/** Draws an image of pixels into a box of a canvas, each pixel a block. */
export function draw(context: CanvasRenderingContext2D, image: ImageData, x: number, y: number, width: number, height: number): void {
  if (!scratch) return;
  scratch.width = image.width;
  scratch.height = image.height;
  scratch.getContext('2d')!.putImageData(image, 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(scratch, x, y, width, height);
}

/** Sets a canvas's size for the screen's own pixels; what is drawn then is in CSS pixels. */
export function prepare(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D {
  const ratio = Math.min(2, window.devicePixelRatio || 1);
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext('2d')!;
  context.scale(ratio, ratio);
  return context;
}
