// How far a visitor is in a page's tour: which steps were tried, kept in the browser.

export interface Step {
  /** The part that it is about: the value of its attribute `data-tour`. */
  at: string;
  /** What is pointed at while that is not on the page: where it comes from. */
  from?: string;
  /** Brings it onto the page. */
  show?: () => void;
  title: string;
  /** What there is to see, and what to try. */
  text: string;
  /** Events in that part that say it was tried, such as ['pointerover'], ['click'] or ['input', 'change']. */
  on?: string[];
  /** Or what must hold: looked at whenever what it reads changes. Without either, a button says it was seen. */
  when?: () => boolean;
}

const key = (name: string) => `glassworks.tour.${name}`;

export function tried(name: string): string[] {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(key(name)) ?? '[]');
    return Array.isArray(found) ? found.filter((one) => typeof one === 'string') : [];
  } catch {
    return []; // a browser that keeps nothing, or what another version kept
  }
}

export function keep(name: string, steps: string[]): void {
  try {
    localStorage.setItem(key(name), JSON.stringify(steps));
  } catch {
    // then it is kept as long as the page is open
  }
}

/** The first step that was not tried yet; undefined when all were. */
export function nextOf(steps: Step[], done: string[]): Step | undefined {
  return steps.find((step) => !done.includes(step.at));
}
