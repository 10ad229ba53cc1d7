// Lines of equal height over a grid of numbers, by linear interpolation between them (marching squares).

/** The SVG path of one height; `x` and `y` say where columns and rows are. Squares without all four numbers have none. */
export function contour(values: ArrayLike<number>, columns: number, height: number, x: (column: number) => number, y: (row: number) => number): string {
  const parts: string[] = [];
  const at = (row: number, column: number) => values[row * columns + column];
  for (let row = 0; row + 1 < values.length / columns; row++) {
    for (let column = 0; column + 1 < columns; column++) {
      const corners = [[row, column], [row, column + 1], [row + 1, column + 1], [row + 1, column]];
      const four = corners.map(([r, c]) => at(r, c));
      if (!four.every(Number.isFinite)) continue;
      const crossed = corners.flatMap(([r, c], i) => {
        const j = (i + 1) % 4;
        if (four[i] > height === four[j] > height) return [];
        const share = (height - four[i]) / (four[j] - four[i]);
        const [toRow, toColumn] = corners[j];
        return [`${x(c + share * (toColumn - c)).toFixed(1)} ${y(r + share * (toRow - r)).toFixed(1)}`];
      });
      // Of two opposite corners that lie above, both are taken to be joined in the middle.
      const ends = crossed.length === 4 && four[0] <= height ? [crossed[3], crossed[0], crossed[1], crossed[2]] : crossed;
      for (let i = 0; i + 1 < ends.length; i += 2) parts.push(`M${ends[i]}L${ends[i + 1]}`);
    }
  }
  return parts.join('');
}
