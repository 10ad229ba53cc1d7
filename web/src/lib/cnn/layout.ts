// Where the overview draws each layer's channels: a column a layer, whose channels stand in as many files as they need.

import { form, type Layer } from './network';

export interface Column {
  x: number;
  top: number;
  width: number;
  height: number;
  cell: number; // a channel's side
  step: number; // from one to the next
  rows: number; // channels in a file
}

const MOST = 528;
const LEAST = 260;
const GAP = 3;

/** The size at which channels are drawn: as large as their number lets them be. */
function side(layer: Layer): number {
  const [channels, rows, columns] = form(layer.shape);
  if (rows * columns > 1) return channels <= 4 ? 56 : channels <= 32 ? 30 : channels <= 64 ? 24 : 16;
  return channels <= 12 ? 20 : channels <= 160 ? 10 : 6;
}

const isMap = (layer: Layer) => form(layer.shape)[1] * form(layer.shape)[2] > 1;
const stepOf = (cell: number) => cell + (cell > 12 ? GAP : 1);

/** Columns from left to right, and how tall they are; where each channel is read by itself there is less room for edges. */
export function arranged(layers: Layer[], words: number): { columns: Column[]; tall: number } {
  const inFile = (layer: Layer, tall: number) => {
    const channels = form(layer.shape)[0];
    const most = Math.max(1, Math.floor((tall + GAP) / stepOf(side(layer))));
    return Math.ceil(channels / Math.ceil(channels / most)); // all files alike
  };
  const heights = layers.filter(isMap).map((layer) => inFile(layer, MOST) * stepOf(side(layer)));
  const tall = Math.min(MOST, Math.max(LEAST, ...heights)); // vectors do with the height that maps take
  let x = 8;
  const columns = layers.map((layer, i) => {
    const [cell, rows] = [side(layer), inFile(layer, tall)];
    const step = stepOf(cell);
    const own = Math.ceil(form(layer.shape)[0] / rows) * step - (step - cell);
    const width = Math.max(own, 60);
    const wide = ['conv', 'linear', 'opaque', 'softmax', 'combine', 'move'].includes(layer.kind);
    x += i ? (wide ? 40 : 14) : 0;
    const height = rows * step - (step - cell);
    const column = { x: x + (width - own) / 2, top: (tall - height) / 2, width: own, height, cell, step, rows };
    x += width + (i === layers.length - 1 ? words : 0);
    return column;
  });
  return { columns, tall };
}

/** The box of a channel, from the top of the drawing; columns are centred on one line. */
export function box(column: Column, channel: number): { x: number; y: number; side: number } {
  const [file, row] = [Math.floor(channel / column.rows), channel % column.rows];
  return { x: column.x + file * column.step, y: column.top + row * column.step, side: column.cell };
}

/** The channel at a point of the drawing; undefined between them. */
export function channelAt(column: Column, channels: number, x: number, y: number): number | undefined {
  const [file, row] = [Math.floor((x - column.x) / column.step), Math.floor((y - column.top) / column.step)];
  const found = file * column.rows + row;
  return file < 0 || row < 0 || row >= column.rows || found >= channels ? undefined : found;
}
