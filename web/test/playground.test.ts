import { expect, test } from 'vitest';
import { grid, layersOf, probabilities, score, units, withWeight, type Net } from '../src/components/playground/net';
import { added, countOf, decoded, encoded, shortened } from '../src/components/playground/own';
import { askedOf, edited, folded, nameOf, type Choices, type Settings } from '../src/components/playground/look';

const array = (shape: number[], ...data: number[]) => ({ shape, data: new Float32Array(data) });
const net: Net = {
  features: ['x1', 'x1x2', 'sin2'],
  activation: 'tanh',
  layers: [
    { weight: array([2, 3], 1, 0.5, -1, 0, 2, 1), bias: array([2], 0.25, -0.5) },
    { weight: array([1, 2], 1.5, -2), bias: array([1], 0.125) },
  ],
  output: 'squashed',
};

test('every unit is what its formula says, at any place', () => {
  const [x, y] = [0.5, -1.25];
  const found = units(net, { x: new Float64Array([x]), y: new Float64Array([y]) });
  const first = Math.tanh(x + 0.5 * x * y - Math.sin(y) + 0.25);
  const second = Math.tanh(2 * x * y + Math.sin(y) - 0.5);
  expect(found.map((layer) => layer.length)).toEqual([3, 2, 1]);
  expect(found[1].map((unit) => unit[0])).toEqual([expect.closeTo(first, 12), expect.closeTo(second, 12)]);
  expect(found[2][0][0]).toBeCloseTo(Math.tanh(1.5 * first - 2 * second + 0.125), 12);
});

test('the plane’s cells begin at the top left', () => {
  const { x, y } = grid(2);
  expect([...x]).toEqual([-3, 3, -3, 3]);
  expect([...y]).toEqual([3, 3, -3, -3]);
});

test('logits of two classes come to the difference of their probabilities, whatever their size', () => {
  const outputs = [new Float64Array([0, 800]), new Float64Array([2, -800])];
  const [first, second] = probabilities(outputs);
  const found = score({ ...net, output: 'logits' }, outputs);
  expect(found[0]).toBeCloseTo(second[0] - first[0], 12);
  expect([first[1], second[1], found[1]]).toEqual([1, 0, -1]);
});

test('a vector of weights is layers in torch’s order, and one weight can be another', () => {
  const vector = new Float32Array([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  const layers = layersOf(vector, net.layers);
  expect([...layers[0].bias.data]).toEqual([7, 8]);
  expect([...layers[1].weight.data]).toEqual([9, 10]);
  const other = withWeight(layers, { layer: 0, row: 1, column: 2 }, -1);
  expect([...other[0].weight.data]).toEqual([1, 2, 3, 4, 5, -1]);
  expect(withWeight(layers, { layer: 1, row: 0, column: -1 }, 3)[1].bias.data[0]).toBe(3);
  expect(vector[5]).toBe(6);
});

test('points of one’s own are as Python writes them', () => {
  expect(encoded(new Float32Array([-5, -5, 0, 0, 5, 5]), [0, 1, 0], 2)).toBe('c2.FVFVAgAgAB6q6qA');
  let own = added('', 0, 0, 1);
  own = added(own, 5, 5, 2);
  expect(own).toBe('c3.gAgAB6q6qC');
  expect(countOf(own)).toBe(2);
  expect(shortened(own)).toBe('c3.gAgAB');
  expect(shortened(shortened(own))).toBe('');
  expect(added('n.', 0, 0, 1)).toBe('n.gAgA__');
  const back = decoded('c3.gAgAB6q6qC');
  expect([...back.targets.data]).toEqual([1, 2]);
  expect([...back.inputs.data].map((x) => Math.round(100 * x) / 100)).toEqual([0, 0, 5, 5]);
  expect(decoded('').targets.data.length).toBe(0);
});

test('what a hand changed is kept by its step, and a new beginning has the rates of the last one', () => {
  let edits = edited('', 20, 'lr', '0.1');
  edits = edited(edits, 20, 'lr', '0.3');
  edits = edited(edits, 40, '0:1:b', '-1');
  expect(edits).toBe('20:lr:0.3,40:0:1:b:-1');
  expect(folded({ edits, step: '50', data: 'xor' })).toEqual({ data: 'xor', lr: '0.3', edits: undefined, step: undefined });
});

test('Python is asked for settings and edits, not for how they are looked at', () => {
  expect(askedOf({ data: 'xor', lr: '', step: '40', edits: '20.lr.1', view: 'surface', speed: '5', discrete: '1', test: '1', point: '3' })).toEqual({ link: { data: 'xor' }, edits: '20.lr.1' });
});

test('a unit is called by its feature, its place, or its class', () => {
  const [choices, settings] = [{ features: { x1: 'X₁' } } as unknown as Choices, { features: ['x1'] } as Settings];
  const name = (depth: number, row: number, classes: string[]) => nameOf({ depth, row }, choices, settings, layers, classes);
  const layers = [1, 2].map(() => ({ weight: array([2, 2], 0, 0, 0, 0), bias: array([2], 0, 0) }));
  expect([name(0, 0, []), name(1, 1, []), name(2, 1, ['a', 'b']), name(2, 0, [])]).toEqual(['X₁', 'neuron 1.2', 'output for b', 'output']);
});
