// What a component that stands alone needs of the studio's style: once in a page, whoever's page it is.

import css from '../studio.css?inline';

export function dress(): void {
  if (document.getElementById('glassworks-style')) return;
  const style = document.createElement('style');
  style.id = 'glassworks-style';
  style.textContent = `${css}\nmain:has(> #component) { max-width: 1500px; padding-inline: 24px; margin-inline: auto; }`;
  document.head.append(style);
}
