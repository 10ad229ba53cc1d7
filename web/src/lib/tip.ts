// What is said beside the pointer, or beside what has the focus: one for the whole page.

let tip: HTMLElement | undefined;

export function say(text: string, x: number, y: number): void {
  if (!tip) {
    tip = document.createElement('div');
    tip.className = 'tip';
    tip.setAttribute('role', 'status');
    document.body.append(tip);
  }
  tip.textContent = text;
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(innerWidth - width - 8, x + 14))}px`;
  tip.style.top = `${y + 18 + height > innerHeight ? y - height - 10 : y + 18}px`;
}

export function hush(): void {
  if (tip) tip.hidden = true;
}
