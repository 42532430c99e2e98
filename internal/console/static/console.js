// The page is whole without this: it only loads itself again when something happens, unless a person is about to do something on it.
"use strict";
(() => {
  const busy = () => document.hidden || document.activeElement?.matches("main input, main select, main button");
  let asked = false;
  const reload = async () => {
    asked = false;
    if (busy()) { asked = true; setTimeout(reload, 5000); return; }
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok || answer.redirected) { return; }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of ["main", "footer"]) {
      const now = document.querySelector(part), next = page.querySelector(part);
      if (now && next && now.innerHTML !== next.innerHTML) { now.replaceChildren(...next.childNodes); }
    }
  };
  const soon = () => { if (!asked) { asked = true; setTimeout(() => reload().catch(() => {}), 700); } };
  const events = new EventSource("/v1/events/stream");
  for (const type of document.body.dataset.events.split(" ")) {
    events.addEventListener(type, soon);
  }
  setInterval(soon, 30000);
  addEventListener("pagehide", () => events.close());
})();
