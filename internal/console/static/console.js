// The page is whole without this: it only loads itself again when something happens, unless a person is about to do something on it.
"use strict";
(() => {
  const least = 5000; // between two loads: a fleet that rotates tells a lot
  const touched = e => e.type === "checkbox" ? e.checked !== e.defaultChecked : e.tagName === "SELECT" ? false : e.value !== e.defaultValue;
  const busy = () => document.activeElement?.matches("main input, main select, main button, main a") || [...document.querySelectorAll("main input, main select")].some(touched);
  let waiting = 0, last = 0, events = null;
  const show = async () => {
    waiting = 0;
    if (document.hidden) { return; }
    if (busy()) { soon(); return; }
    last = Date.now();
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok || answer.redirected) { return; }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const before = document.querySelector("h1")?.textContent, after = page.querySelector("h1")?.textContent;
    for (const part of ["main", "footer"]) {
      const now = document.querySelector(part), next = page.querySelector(part);
      next?.querySelectorAll("details").forEach(d => { d.open = document.getElementById(d.id)?.open ?? false; });
      if (now && next && now.innerHTML !== next.innerHTML) { now.replaceChildren(...next.childNodes); }
    }
    if (after && before !== after) { document.getElementById("news").textContent = after; }
  };
  const soon = () => {
    if (!waiting) { waiting = setTimeout(() => show().catch(() => {}), Math.max(700, last + least - Date.now())); }
  };
  const heard = e => {
    const one = document.getElementById("credential")?.dataset.id;
    if (!one || JSON.parse(e.data).credential === one) { soon(); }
  };
  // A browser has few connections to a host, and a page that is not looked at needs none.
  const listen = () => {
    if (document.hidden) { events?.close(); events = null; return; }
    if (events) { return; }
    events = new EventSource("/v1/events/stream");
    for (const type of document.body.dataset.events.split(" ")) { events.addEventListener(type, heard); }
    soon();
  };
  document.addEventListener("visibilitychange", listen);
  addEventListener("pagehide", () => { events?.close(); events = null; });
  setInterval(soon, 30000);
  listen();
})();
