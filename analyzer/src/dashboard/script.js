// Three small comforts; every page is complete without them.
"use strict";

// 1. Tell the server the reader's time zone, for the next page.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone) document.cookie = `kbwatch_zone=${zone}; path=/; max-age=31536000; samesite=lax`;

// 2. Copy a command.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  const command = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(command.textContent);
  } catch {
    // Pages served without TLS have no clipboard: select it for Ctrl+C.
    getSelection().selectAllChildren(command);
    if (!document.execCommand("copy")) return;
  }
  const before = button.textContent;
  button.textContent = document.body.dataset.copied;
  setTimeout(() => { button.textContent = before; }, 1500);
});

// 3. Show the next picture when there is one, unless the reader is at work on
// the page: a selection, a field in use, a page in the background.
async function refresh() {
  const busy = document.hidden || !getSelection().isCollapsed ||
    ["INPUT", "BUTTON"].includes(document.activeElement?.tagName);
  if (busy) return;
  const answer = await fetch(location.href, { headers: { accept: "text/html" } });
  if (!answer.ok) return;
  const next = new DOMParser().parseFromString(await answer.text(), "text/html");
  const open = new Set([...document.querySelectorAll("details[open][id]")].map((d) => d.id));
  for (const details of next.querySelectorAll("details[id]")) {
    details.open = open.has(details.id);
  }
  for (const part of ["main", "footer"]) {
    const [old, fresh] = [document, next].map((d) => d.querySelector(part));
    if (old && fresh) old.replaceWith(fresh);
  }
}
if (document.body.dataset.refresh !== "no") {
  setInterval(() => refresh().catch(() => {}), 10000);
}
