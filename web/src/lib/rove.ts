// Arrow keys among parts of which one is reached by tab: cells of a table or a picture, or elements in a row.

const WAYS: Record<string, [down: number, right: number]> = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/** The cell of a picture of rows by columns that a key leads to from one: the neighbour on that side, or an end of its row. */
export function neighbour(key: string, [row, column]: [number, number], rows: number, columns: number): [number, number] | undefined {
  if (key === 'Home') return [row, 0];
  if (key === 'End') return [row, columns - 1];
  const way = WAYS[key];
  return way && [Math.max(0, Math.min(rows - 1, row + way[0])), Math.max(0, Math.min(columns - 1, column + way[1]))];
}

/** The focus goes to the neighbour on that side, if it can have it; for `onkeydown` of what holds them all. */
export function rove(event: KeyboardEvent): void {
  const way = WAYS[event.key];
  const from = event.target as HTMLElement;
  if (!way || !from.hasAttribute('tabindex')) return;
  const [down, right] = way;
  let to: Element | null | undefined;
  if (from instanceof HTMLTableCellElement) {
    const line = from.parentElement as HTMLTableRowElement;
    to = down ? line.closest('table')?.rows[line.rowIndex + down]?.cells[from.cellIndex] : line.cells[from.cellIndex + right];
  } else to = down + right > 0 ? from.nextElementSibling : from.previousElementSibling;
  if (!(to instanceof HTMLElement) || !to.hasAttribute('tabindex')) return;
  to.focus();
  event.preventDefault();
}
