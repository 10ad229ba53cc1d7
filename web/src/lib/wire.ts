// Answers of the studio: JSON whose arrays follow it as they lie in memory (glassworks/studio/wire.py).

export type Numbers = Float32Array | Int32Array | Uint8Array;

/** An array of numbers and its shape; the last axis runs fastest. */
export interface NDArray<T extends Numbers = Float32Array> {
  shape: number[];
  data: T;
}

const KINDS = { f4: Float32Array, i4: Int32Array, u1: Uint8Array } as const;

export function unpack(bytes: ArrayBuffer): unknown {
  const length = new DataView(bytes).getUint32(0, true);
  const start = 4 + length;
  const text = new TextDecoder().decode(new Uint8Array(bytes, 4, length));
  return JSON.parse(text, (_, value) => {
    if (value === null || typeof value !== 'object' || !('$array' in value)) return value;
    const size = value.shape.reduce((a: number, b: number) => a * b, 1);
    return { shape: value.shape, data: new KINDS[value.type as keyof typeof KINDS](bytes, start + value.$array, size) };
  });
}

/** The part of an array at these indices of its first axes: shares its memory. */
export function at<T extends Numbers>(array: NDArray<T>, ...indices: number[]): NDArray<T> {
  const shape = array.shape.slice(indices.length);
  const size = shape.reduce((a, b) => a * b, 1);
  let place = 0;
  indices.forEach((index, axis) => {
    if (index < 0 || index >= array.shape[axis]) throw new RangeError(`index ${index} of axis ${axis}, which has ${array.shape[axis]}`);
    place = place * array.shape[axis] + index;
  });
  return { shape, data: array.data.subarray(place * size, (place + 1) * size) as T };
}

/** One number of an array. */
export function number(array: NDArray<Numbers>, ...indices: number[]): number {
  return at(array, ...indices).data[0];
}
