import { expect, test } from 'vitest';
import { spread, stages } from '../src/lib/cnn/functions';
import { arranged, box, channelAt } from '../src/lib/cnn/layout';
import { between, broadcast, origin, products, read, shared, softmax, sources, terms, type Layer, type Network } from '../src/lib/cnn/network';
import type { NDArray } from '../src/lib/wire';

const array = (shape: number[], data: number[]): NDArray => ({ shape, data: new Float32Array(data) });
const layer = (more: Partial<Layer>): Layer => ({ name: 'a', module: '', function: '', kind: 'opaque', inputs: [0], shape: [1], point: null, ...more });
const conv = (more: Partial<Layer> = {}) =>
  layer({ kind: 'conv', shape: [1, 2, 2], weight: array([1, 1, 2, 2], [1, 2, 3, 4]), stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1, ...more });
const x = array([1, 3, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9]);

test('a window times its kernel sums to the map between', () => {
  expect([...between(conv(), x, 0, 0)]).toEqual([37, 47, 67, 77]);
  const sum = terms(conv(), x, 0, 0, 1, 0).reduce((all, t) => all + t.x * t.w, 0);
  expect(sum).toBe(67);
});

test('padding counts as 0, strides skip, dilation spreads', () => {
  const padded = terms(conv({ padding: [1, 1] }), x, 0, 0, 0, 0);
  expect(padded.map((t) => [t.row, t.column, t.inside])).toEqual([[-1, -1, false], [-1, 0, false], [0, -1, false], [0, 0, true]]);
  expect(padded.map((t) => t.x)).toEqual([0, 0, 0, 1]);
  expect(terms(conv({ dilation: [2, 2] }), x, 0, 0, 0, 0).map((t) => t.x)).toEqual([1, 3, 7, 9]);
  expect(terms(conv({ stride: [1, 2] }), x, 0, 0, 0, 1)[0].column).toBe(2);
});

test('a group reads its own channels', () => {
  const grouped = conv({ shape: [4, 1, 1], weight: array([4, 2, 1, 1], [1, 2, 3, 4, 5, 6, 7, 8]), groups: 2 });
  expect(read(grouped, 1)).toEqual([0, 1]);
  expect(read(grouped, 2)).toEqual([2, 3]);
});

test('a linear layer’s products and shares of a softmax', () => {
  const linear = layer({ kind: 'linear', weight: array([2, 3], [1, 2, 3, 4, 5, 6]) });
  expect([...products(linear, new Float32Array([1, 0, 2]), 1)]).toEqual([4, 0, 12]);
  const { shares } = softmax([1000, 1000 + Math.log(3)]);
  expect(shares[1]).toBeCloseTo(0.75);
});

test('operands are one for all, one a channel or one each', () => {
  expect([spread(2, 5, [2, 2, 2], 0), spread(array([2], [7, 8]), 5, [2, 2, 2], 0), spread(array([8], [0, 1, 2, 3, 4, 5, 6, 7]), 5, [2, 2, 2], 0), spread(null, 0, [1], 9)]).toEqual([2, 8, 5, 9]);
});

test('a chain shows each step, and ends in the network’s own number', () => {
  const chain = layer({ kind: 'pointwise', shape: [1], chain: [{ op: 'mul', by: 0.5, numbers: {} }, { op: 'tanh', by: null, numbers: {} }] });
  const found = stages(chain, 2, 0.7616, 0);
  expect(found[0].y).toBe(1);
  expect([found[1].x, found[1].y]).toEqual([1, 0.7616]);
});

test('moved numbers are found where they were, over several inputs', () => {
  const layers = [layer({ shape: [2] }), layer({ shape: [3] })];
  const cat = layer({ kind: 'move', inputs: [0, 1], shape: [6], source: { shape: [6], data: new Int32Array([0, 1, 2, 3, 4, -1]) } });
  expect([0, 3, 5].map((i) => origin(layers, cat, i))).toEqual([{ input: 0, index: 0 }, { input: 1, index: 1 }, null]);
});

test('what is smaller is spread as torch does', () => {
  expect([0, 5, 7].map((i) => broadcast(i, [2, 2, 2], [2, 1, 1]))).toEqual([0, 1, 1]);
  expect(broadcast(5, [2, 2, 2], [2])).toBe(1);
});

test('a channel’s sources are those that it is computed of', () => {
  const network = { layers: [layer({ kind: 'input', shape: [1, 3, 3], inputs: [] }), conv({ shape: [1, 2, 2] }), layer({ kind: 'move', inputs: [1], shape: [4], source: null })] } as unknown as Network;
  expect(sources(network, 1, 0)).toEqual([{ layer: 0, channel: 0, strength: 1 }]);
  expect(sources(network, 2, 3)).toEqual([{ layer: 1, channel: 0, strength: 1 }]);
});

test('a point of the drawing is the channel that is drawn there', () => {
  const { columns } = arranged([layer({ shape: [1, 8, 8] }), layer({ shape: [40, 8, 8] }), layer({ shape: [200] })], 0);
  for (const [i, count] of [1, 40, 200].entries())
    for (const c of [0, Math.floor(count / 2), count - 1]) {
      const { x, y, side } = box(columns[i], c);
      expect(channelAt(columns[i], count, x + side / 2, y + side / 2)).toBe(c);
    }
  expect(channelAt(columns[1], 40, columns[1].x - 5, 100)).toBeUndefined();
});

test('shares are the softmax of logits, and of what is one already the outputs themselves', () => {
  const made = (kind: Layer['kind'], log: boolean, data: number[]) =>
    shared({ layers: [layer({ kind, log })], output: 0, classes: ['a', 'b'] } as unknown as Network, { values: [array([2], data)] } as never);
  expect(made('linear', false, [0, 0])).toEqual([0.5, 0.5]);
  expect(made('softmax', false, [0.25, 0.75])).toEqual([0.25, 0.75]);
  expect(made('softmax', true, [0, 0])).toEqual([1, 1]);
  expect(made('linear', false, [1, 2, 3])).toBeUndefined();
});
