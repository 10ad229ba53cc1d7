// What happens to runs, as it happens: one WebSocket a page, which comes back by itself when the studio does.

import { missed } from './ask';
import type { Facts } from './runs';

export type Row = Record<string, number | string | null>;
export interface Rows {
  id: string;
  rows: Row[];
  again: boolean; // the table is another one, or shorter: what was sent before is no more
  at: number; // where they begin
  from: Place; // where the next will
}
/** How far a table was read: bytes, and of which file. */
export type Place = [bytes: number, file: string];
interface Changes {
  runs: Facts[];
  gone: string[];
}

/** `refused`: a studio is there that does not know this browser. `again` counts how often a page is to begin anew, as
 *  questions of its own were lost while the studio was away. */
export const connection = $state({ open: false, lost: false, refused: false, again: 0 });

interface Watched {
  run: string;
  table: 'metrics' | 'samples';
  from: Place;
  told: (rows: Row[], again: boolean) => void;
}
const watched = new Map<string, Watched>();
let count = 0;
let heard: ((changes: Changes) => void)[] = [];
let socket: WebSocket | undefined;
let told = false; // whether this connection has told which runs there are
let wait = 250;

/** Be told of rows appended to a run's table, from where it was read to. Returns how to stop. */
export function watch(run: string, table: Watched['table'], from: Place, told: Watched['told']): () => void {
  const id = String(count++);
  watched.set(id, { run, table, from, told });
  connect();
  tell();
  return () => {
    watched.delete(id);
    tell();
  };
}

/** Be told when runs begin, change, or go. Returns how to stop. */
export function listen(hears: (changes: Changes) => void): () => void {
  heard = [...heard, hears];
  if (told) socket?.close(); // a new connection tells all runs anew
  connect();
  return () => (heard = heard.filter((other) => other !== hears));
}

function tell(): void {
  if (socket?.readyState !== WebSocket.OPEN) return;
  const watch = Object.fromEntries([...watched].map(([id, { run, table, from }]) => [id, { run, table, from }]));
  socket.send(JSON.stringify({ watch }));
}

/** Hear of the studio from now on, and whether it is there. */
export function connect(): void {
  if (socket && socket.readyState <= WebSocket.OPEN) return;
  told = false;
  const opened = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/api/live`);
  socket = opened;
  opened.onopen = () => {
    Object.assign(connection, { open: true, lost: false, refused: false, again: connection.again + Number(missed.any) });
    missed.any = false;
    wait = 250;
    tell();
  };
  opened.onmessage = (event) => {
    const message = JSON.parse(event.data) as Rows | Changes;
    if ('id' in message) {
      const of = watched.get(message.id);
      if (!of || (!message.again && message.at !== of.from[0])) return; // sent twice, as what is watched changed meanwhile
      of.from = message.from;
      of.told(message.rows, message.again);
    } else {
      told = true;
      heard.forEach((hears) => hears(message));
    }
  };
  opened.onclose = () => {
    if (socket !== opened) return;
    Object.assign(connection, { open: false, lost: true });
    fetch('/theme.css', { method: 'HEAD', cache: 'no-store' }).then(
      ({ status }) => (connection.refused = status === 403),
      () => (connection.refused = false),
    );
    setTimeout(connect, wait);
    wait = Math.min(4000, wait * 2);
  };
}
