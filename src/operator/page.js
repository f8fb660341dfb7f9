// Shows what is new, where there is something new. The page is whole without it.
"use strict";
(() => {
  const live = document.querySelector("main[data-live]");
  if (!live || !window.EventSource) return;
  const parts = (root) => root.querySelectorAll("[data-part]");
  let under_way = false;
  const renew = async () => {
    if (under_way || document.hidden) return;
    under_way = true;
    try {
      const answer = await fetch(location.href, { credentials: "same-origin" });
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const old of parts(document)) {
        const part = page.querySelector(`[data-part="${CSS.escape(old.dataset.part)}"]`);
        // What somebody is in is left as it is.
        if (part && !old.contains(document.activeElement)) old.replaceWith(part);
      }
    } catch {
      // The next one may get through.
    } finally {
      under_way = false;
    }
  };
  const source = new EventSource(live.dataset.live);
  source.addEventListener("seen", renew);
  addEventListener("pagehide", () => source.close());
})();
