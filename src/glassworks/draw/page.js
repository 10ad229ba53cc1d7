// What hovering, tapping and choosing add to a page that is complete without them. Arithmetic only on drawn data.
"use strict";
(() => {
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  tip.setAttribute("role", "status");
  document.body.append(tip);

  function say(text, x, y) {
    tip.textContent = text;
    tip.hidden = false;
    const wide = document.documentElement.clientWidth;
    const left = Math.max(8, Math.min(x + 14, wide - tip.offsetWidth - 8));
    const above = y + 22 + tip.offsetHeight > window.innerHeight;
    tip.style.left = `${left + window.scrollX}px`;
    tip.style.top = `${(above ? y - tip.offsetHeight - 14 : y + 18) + window.scrollY}px`;
  }
  const hush = () => { tip.hidden = true; };

  // Titles become tips that also answer a tap.
  for (const element of document.querySelectorAll("[title]")) {
    element.dataset.tip = element.title;
    element.removeAttribute("title");
  }
  for (const title of document.querySelectorAll("svg title")) {
    title.parentElement.dataset.tip = title.textContent;
    title.remove();
  }
  for (const kind of ["pointermove", "pointerdown"]) {
    document.addEventListener(kind, (event) => {
      const element = event.target.closest?.("[data-tip]");
      if (element) say(element.dataset.tip, event.clientX, event.clientY);
      else if (!event.target.closest?.("figure.chart svg, .large")) hush();
    });
  }
  document.addEventListener("scroll", hush, { passive: true, capture: true });

  // What scrolls sideways shows at which side there is more, and is in the way of the tab key only then.
  for (const box of document.querySelectorAll(".scroll")) {
    const look = () => {
      const more = box.scrollWidth - box.clientWidth;
      const from = box.scrollLeft + (box.classList.contains("to-end") ? more : 0); // there the end is 0, all else below
      box.classList.toggle("before", from > 1);
      box.classList.toggle("after", from < more - 1);
      if (more > 1) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    };
    const sizes = new ResizeObserver(look);
    for (const element of [box, ...box.children]) sizes.observe(element);
    box.addEventListener("scroll", look, { passive: true });
  }

  // Charts: the numbers nearest to the pointer.
  for (const figure of document.querySelectorAll("figure.chart")) {
    const places = JSON.parse(figure.dataset.hover);
    for (const svg of places.length ? figure.querySelectorAll("svg.plot") : []) {
      const [left, right, width] = svg.dataset.plot.split(" ").map(Number);
      const cursor = document.createElementNS("http://www.w3.org/2000/svg", "line");
      cursor.setAttribute("class", "cursor");
      cursor.setAttribute("y1", 26);
      cursor.setAttribute("y2", svg.querySelector(".base").getAttribute("y1"));
      const move = (event) => {
        const box = svg.getBoundingClientRect();
        const share = ((event.clientX - box.left) * width / box.width - left) / (right - left);
        const [at, text] = places.reduce((a, b) => (Math.abs(b[0] - share) < Math.abs(a[0] - share) ? b : a));
        const x = left + at * (right - left);
        cursor.setAttribute("x1", x);
        cursor.setAttribute("x2", x);
        svg.append(cursor);
        say(text, event.clientX, event.clientY);
      };
      svg.addEventListener("pointermove", move);
      svg.addEventListener("pointerdown", move);
      svg.addEventListener("pointerleave", () => { cursor.remove(); hush(); });
    }
  }

  // Attention: choose a head, point at a cell or a word.
  for (const figure of document.querySelectorAll("figure.attention")) {
    const large = figure.querySelector(".enlarged");
    const words = [...figure.querySelectorAll(".sentence span")];
    const tokens = words.flatMap((word) => Array(Number(word.dataset.tokens ?? 1)).fill(word)); // of one character
    const buttons = [...figure.querySelectorAll(".heads button")];
    const chosen = figure.querySelector(".chosen");
    const home = document.createComment("where the enlarged head is until another is chosen");
    chosen.before(home);
    let weights = [];
    const weight = (row, column) => weights[row * (row + 1) / 2 + column] / 1000;

    function look(row) {
      const sums = new Map();
      tokens.forEach((word, i) => sums.set(word, (sums.get(word) ?? 0) + (i > row ? 0 : weight(row, i))));
      for (const [word, sum] of sums) {
        const shade = Math.round(15 * Math.sqrt(Math.min(1, sum)));
        word.className = `chance${shade}${word === tokens[row] ? " from" : ""}`;
      }
    }
    function choose(button) {
      weights = button.dataset.weights.split(",").map(Number);
      buttons.forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
      large.replaceChildren(button.querySelector("svg").cloneNode(true));
      figure.querySelector(".head-name b").textContent = button.dataset.name;
      figure.querySelector(".head-name span").textContent = button.dataset.habits;
      look(tokens.length - 1);
    }
    // The head is enlarged below the row it was chosen in, and the page scrolled so that the row stays where it is; the
    // same button again puts it back.
    function open(button) {
      const row = button.closest("tr"), top = button.getBoundingClientRect().top;
      const again = button.getAttribute("aria-pressed") === "true" && row.nextElementSibling?.contains(chosen);
      const opened = chosen.closest("tr");
      if (again) home.after(chosen);
      else {
        const cell = document.createElement("td");
        cell.colSpan = row.children.length;
        cell.append(chosen);
        const below = document.createElement("tr");
        below.append(cell);
        row.after(below);
      }
      opened?.remove();
      choose(button);
      const now = button.getBoundingClientRect().top;
      const hidden = again ? 0 : Math.max(0, chosen.getBoundingClientRect().bottom - now + top - window.innerHeight + 8);
      window.scrollBy({ top: now - top + Math.min(hidden, Math.max(0, top - 8)), behavior: "instant" });
    }
    buttons.forEach((button) => button.addEventListener("click", () => open(button)));
    for (const word of words) {
      word.addEventListener("pointerenter", () => look(tokens.lastIndexOf(word)));
      word.addEventListener("click", () => look(tokens.lastIndexOf(word)));
    }
    const point = (event) => {
      const box = large.querySelector("svg").getBoundingClientRect();
      const column = Math.floor((event.clientX - box.left) / box.width * tokens.length);
      const row = Math.floor((event.clientY - box.top) / box.height * tokens.length);
      if (column < 0 || row < 0 || row >= tokens.length || column > row) return hush();
      look(row);
      const from = tokens[row].textContent, to = tokens[column].textContent;
      say(`“${from}” looks at “${to}”: ${weight(row, column).toFixed(3)}`, event.clientX, event.clientY);
    };
    figure.querySelector(".large").addEventListener("pointermove", point);
    figure.querySelector(".large").addEventListener("pointerdown", point);
    choose(buttons.find((button) => button.getAttribute("aria-pressed") === "true"));
  }
})();
