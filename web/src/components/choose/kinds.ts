// What the page of choices is told (glassworks/studio/questions/choices.py), and what it sends.

export interface About {
  run: string;
  id: string;
  guidelines: string;
  annotators: string[];
  login: string;
  comparisons: number;
  /** Runs of reward models that can say what is asked next. */
  rewards: string[];
  formats: Record<string, string>;
}

export interface Message {
  role: string;
  content: unknown;
}
export type Content = { text: string } | { messages: Message[] } | { image: string } | { frames: string[]; fps: number };

export interface Offer {
  comparison: number;
  kind: 'text' | 'image' | 'clip';
  prompt: string | Message[];
  shown: number[];
  options: Content[];
  why: string;
}
export interface Progress {
  done: number;
  left: number;
  seconds: number | null;
  last: string | null;
}
export interface Next {
  offer: Offer | null;
  progress: Progress;
}
export interface Said extends Next {
  stored: string[];
  refused: { id: string; why: string }[];
}

export interface Choice {
  id: string;
  comparison: number;
  verdict: 'ranked' | 'tie' | 'bad' | 'skip';
  ranking: number[][];
  shown: number[];
  strength: number | null;
  reason: string;
  rewrite: string;
  seconds: number | null;
  why: string;
}
export type Event = Choice | { id: string; undo: string };

export interface Share {
  value: number | null;
  low: number;
  high: number;
  of: number;
}
export interface Place {
  counts: number[];
  first: Share;
  by_chance: number;
}
export interface Annotator {
  name: string;
  choices: number;
  skipped: number;
  ties: number;
  bad: number;
  seconds: [number, number, number] | null;
  position: Place;
  consistency: Share;
}
export interface Figures {
  comparisons: number;
  choices: number;
  annotators: Annotator[];
  agreement: {
    comparisons: number;
    raters: number;
    raw: Share;
    by_chance: number | null;
    decisive: Share;
    alpha: number | null;
    alpha_low: number | null;
    alpha_high: number | null;
    ordinal: number | null;
    kappa: number | null;
    kappa_is: string;
  };
  consistency: Share;
  position: Place;
  judge: { name: string; looked: number; all: Share; random: Share; by_chance: number | null } | null;
}

export const REASONS = ['I cannot tell', 'The prompt makes no sense', 'The options are the same', 'It should not be here at all'];

/** How an option is called on the page: A, B, ... */
export function letter(place: number): string {
  return String.fromCharCode(65 + place);
}

/** Groups of places on the page, best first, as the places of the options that were shown there. */
export function placed(groups: number[][], shown: number[]): number[][] {
  return groups.map((group) => group.map((place) => shown[place]));
}

/** Press an option's key: it is ranked behind those before, level with the last if `level`; a second time takes it out. */
export function ranked(groups: number[][], place: number, level = false): number[][] {
  if (groups.some((group) => group.includes(place))) return groups.map((group) => group.filter((other) => other !== place)).filter((group) => group.length);
  if (!level || !groups.length) return [...groups, [place]];
  return [...groups.slice(0, -1), [...groups[groups.length - 1], place]];
}

/** About how long the rest takes, in words. */
export function timeLeft(left: number, seconds: number | null): string {
  if (!left || seconds === null) return '';
  const minutes = (left * seconds) / 60;
  return minutes < 1 ? 'less than a minute' : minutes < 90 ? `about ${Math.round(minutes)} min` : `about ${(minutes / 60).toFixed(1)} h`;
}

/** A drawing that can stand alone: with the colours that a page gave it by name, and what says that it is SVG. */
export function standing(svg: string, value: (name: string) => string): string {
  const named = svg.replace(/var\((--[\w-]+)\)/g, (_, name: string) => value(name) || 'currentColor');
  return /^\s*<svg[^>]*\sxmlns=/.test(named) ? named : named.replace('<svg', '<svg xmlns="http://www.w3.org/2000/svg"');
}
