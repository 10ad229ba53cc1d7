// All state lives in the address: the page by its path, and what is chosen on it by its query. A link reopens both.

export interface Address {
  path: string;
  query: Record<string, string>;
}

function read(): Address {
  return { path: location.pathname, query: Object.fromEntries(new URLSearchParams(location.search)) };
}

export const address = $state(read());

addEventListener('popstate', () => Object.assign(address, read()));

/** The address of a page with these choices. */
export function link(path: string, query: Record<string, string | number | undefined> = {}): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return text ? `${path}?${text}` : path;
}

/** Go to another page; the browser's way back leads here. */
export function go(to: string): void {
  history.pushState(null, '', to);
  Object.assign(address, read());
  scrollTo(0, 0);
}

/** Change choices of this page; undefined takes one away. Steps back only where `step`. */
export function choose(changes: Record<string, string | number | undefined>, step = false): void {
  const to = link(address.path, { ...address.query, ...changes });
  if (to === location.pathname + location.search) return;
  history[step ? 'pushState' : 'replaceState'](null, '', to);
  Object.assign(address, read());
}

/** Follow a link of ours without loading the page anew; for `onclick` of the page's body. */
export function follow(event: MouseEvent): void {
  const to = (event.target as Element).closest?.('a');
  if (!to || event.button || event.metaKey || event.ctrlKey || event.shiftKey || to.target || to.origin !== location.origin) return;
  if (to.pathname.startsWith('/report/') || (to.hash && to.pathname === location.pathname)) return;
  event.preventDefault();
  go(to.pathname + to.search);
}
