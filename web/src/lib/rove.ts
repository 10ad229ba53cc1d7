// Arrow keys among parts of which one is reached by tab: cells of a table, or elements in a row.

const WAYS: Record<string, [down: number, right: number]> = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

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
