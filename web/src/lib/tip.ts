// What is said beside the pointer, or beside what has the focus: one for the whole page.

let tip: HTMLElement | undefined;
let under: Element | undefined; // what the pointer is over
let owners: (Element | null | undefined)[] = [];

/** What was taken off the page says nothing when the pointer leaves it: what it had said goes with it. */
function look(event: Event): void {
  if (event.type === 'pointerover') under = event.target as Element;
  if (tip && !tip.hidden && owners.some((owner) => owner?.isConnected === false)) hush();
}

export function say(text: string, x: number, y: number): void {
  if (!tip) {
    tip = document.createElement('div');
    tip.className = 'tip';
    tip.style.position = 'fixed'; // also on a page of the report, whose own tips are not
    tip.setAttribute('role', 'status');
    document.body.append(tip);
    for (const kind of ['pointerover', 'focusin', 'keyup']) document.addEventListener(kind, look, true);
  }
  owners = [under, document.activeElement];
  tip.textContent = text;
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(innerWidth - width - 8, x + 14))}px`;
  tip.style.top = `${y + 18 + height > innerHeight ? y - height - 10 : y + 18}px`;
}

export function hush(): void {
  if (tip) tip.hidden = true;
}
