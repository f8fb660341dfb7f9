// Shows what is new, where there is something new. The page is whole without it.
"use strict";
(() => {
  const live = document.querySelector("main[data-live]");
  const parts = (root) => root.querySelectorAll("[data-part]");
  // A page without parts, such as that of one request, stays as it is: making it anew may take a while.
  if (!live || !window.EventSource || parts(document).length === 0) return;
  // What somebody is in or has ticked is left as it is, and what they have opened stays open.
  const in_use = (part) => part.contains(document.activeElement) || part.querySelector("input:checked");
  const details = (part) => [...part.querySelectorAll("details")];
  let under_way = false;
  let missed = false;
  const renew = async () => {
    missed = under_way;
    if (missed) return;
    under_way = true;
    try {
      const answer = await fetch(location.href, { credentials: "same-origin" });
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const old of parts(document)) {
        const part = page.querySelector(`[data-part="${CSS.escape(old.dataset.part)}"]`);
        if (!part || in_use(old)) continue;
        const open = details(old).map((it) => it.open);
        for (const [number, it] of details(part).entries()) it.open = open[number] ?? false;
        old.replaceWith(part);
      }
    } catch {
      // The next one may get through.
    } finally {
      under_way = false;
      if (missed) void renew();
    }
  };
  // A browser has few connections to one host: a page that nobody looks at keeps none from the others. Whoever comes
  // back to it is told what has come since it was made.
  let source = null;
  const close = () => {
    source?.close();
    source = null;
  };
  const listen = () => {
    if (document.hidden) return close();
    if (source) return;
    source = new EventSource(live.dataset.live);
    source.addEventListener("seen", renew);
  };
  document.addEventListener("visibilitychange", listen);
  addEventListener("pagehide", close);
  addEventListener("pageshow", listen);
  listen();
})();
