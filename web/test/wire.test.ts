import { expect, test } from 'vitest';
import { at, number, unpack, type NDArray } from '../src/lib/wire';

function packed(json: string, buffers: Uint8Array): ArrayBuffer {
  const text = new TextEncoder().encode(json.padEnd(Math.ceil(json.length / 4) * 4));
  const bytes = new Uint8Array(4 + text.length + buffers.length);
  new DataView(bytes.buffer).setUint32(0, text.length, true);
  bytes.set(text, 4);
  bytes.set(buffers, 4 + text.length);
  return bytes.buffer;
}

test('arrays are read where the JSON says they lie, among plain values', () => {
  const floats = new Uint8Array(new Float32Array([1.5, -2, 3, 4, 5, 6]).buffer);
  const whole = new Uint8Array(new Int32Array([7, 8]).buffer);
  const bytes = new Uint8Array([...floats, ...whole]);
  const json = '{"a":[{"$array":0,"shape":[2,3],"type":"f4"}],"b":{"$array":24,"shape":[2],"type":"i4"},"c":"text"}';
  const found = unpack(packed(json, bytes)) as { a: [NDArray]; b: NDArray<Int32Array>; c: string };
  expect([...found.a[0].data]).toEqual([1.5, -2, 3, 4, 5, 6]);
  expect([...found.b.data]).toEqual([7, 8]);
  expect(found.c).toBe('text');
});

test('a part of an array is the numbers along its other axes', () => {
  const array: NDArray = { shape: [2, 2, 2], data: new Float32Array([0, 1, 2, 3, 4, 5, 6, 7]) };
  expect([...at(array, 1).data]).toEqual([4, 5, 6, 7]);
  expect([...at(array, 1, 0).data]).toEqual([4, 5]);
  expect(number(array, 1, 0, 1)).toBe(5);
  expect(() => at(array, 2)).toThrow(RangeError);
});
