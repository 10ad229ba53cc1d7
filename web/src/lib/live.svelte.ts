// What happens to runs, as it happens: one WebSocket a page, which comes back by itself when the studio does.

import type { Facts } from './runs';

export type Row = Record<string, number | string | null>;
export interface Rows {
  run: string;
  table: 'metrics' | 'samples';
  rows: Row[];
  again: boolean; // the table is another one, or shorter: what was sent before is no more
  to: number;
  file: string;
}
interface Changes {
  runs: Facts[];
  gone: string[];
}

export const connection = $state({ open: false, lost: false });

const watched = new Map<string, { offsets: Record<string, [number, string]>; told: (rows: Rows) => void }>();
let heard: ((changes: Changes) => void)[] = [];
let socket: WebSocket | undefined;
let wait = 250;

/** Be told of rows appended to a run's tables, from the first one on, or from where they were read to. Returns how to stop. */
export function watch(run: string, from: Partial<Record<'metrics' | 'samples', [bytes: number, file: string]>>, told: (rows: Rows) => void): () => void {
  watched.set(run, { offsets: { ...from }, told });
  connect();
  tell();
  return () => {
    watched.delete(run);
    tell();
  };
}

/** Be told when runs begin, change, or go. Returns how to stop. */
export function listen(told: (changes: Changes) => void): () => void {
  heard = [...heard, told];
  if (socket) socket.close(); // a new connection tells all runs anew
  connect();
  return () => (heard = heard.filter((other) => other !== told));
}

function tell(): void {
  if (socket?.readyState !== WebSocket.OPEN) return;
  const watch = Object.fromEntries([...watched].map(([run, { offsets }]) => [run, offsets]));
  socket.send(JSON.stringify({ watch }));
}

function connect(): void {
  if (socket && socket.readyState <= WebSocket.OPEN) return;
  const opened = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/api/live`);
  socket = opened;
  opened.onopen = () => {
    Object.assign(connection, { open: true, lost: false });
    wait = 250;
    tell();
  };
  opened.onmessage = (event) => {
    const message = JSON.parse(event.data) as Rows | Changes;
    if ('table' in message) {
      const of = watched.get(message.run);
      if (!of) return;
      of.offsets[message.table] = [message.to, message.file];
      of.told(message);
    } else heard.forEach((told) => told(message));
  };
  opened.onclose = () => {
    if (socket !== opened) return;
    Object.assign(connection, { open: false, lost: true });
    if (!watched.size && !heard.length) return;
    setTimeout(connect, wait);
    wait = Math.min(4000, wait * 2);
  };
}
