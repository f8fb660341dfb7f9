// Visits the page of a receiver in Chromium; see scripts/page.
//
//   node page.mjs seed URL [dead]       sends deliveries, including hostile ones
//   node page.mjs visit URL FOLDER      checks every view, and fails if something is wrong
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [what, url, where] = process.argv.slice(2);
const SECRET = "whsec_test_for_development_only";
const TOKEN = "token-for-development-only";
/// A text longer than the page shows, and text that must not be taken for the page's own.
const LONG = "x".repeat(900_000);
const HOSTILE = `<img src=x onerror=alert(1)>"'&\u202egnp.exe\u0007\u2028`;

async function blendfi(id, more = {}, change = {}) {
  const body = JSON.stringify({
    id, type: "conversion.completed", created_at: new Date().toISOString(), data: { object: "conversion", ...more },
  });
  const t = Math.floor(Date.now() / 1000);
  const mac = createHmac("sha256", change.secret ?? SECRET).update(`${t}.${body}`).digest("hex");
  const headers = { "content-type": "application/json", "x-blendfi-signature": `t=${t},v1=${mac}`, ...change.headers };
  const answer = await fetch(`${url}/webhooks/blendfi`, { method: "POST", body, headers });
  await answer.arrayBuffer();
  return answer.status;
}

async function seed() {
  const dead = where === "dead";
  const name = dead ? "evt_dead" : "evt_page";
  for (let number = 0; number < (dead ? 12 : 60); number += 1) await blendfi(`${name}_${number}`, { number });
  for (let number = 0; number < 12; number += 1) await blendfi(`${name}_${number}`, { number });
  await blendfi(`${name}_${HOSTILE}`, { note: HOSTILE, text: "</pre><script>alert(2)</script>\r\n\u001b[31m" });
  await blendfi(`${name}_long`, { text: LONG });
  if (dead) return;
  // Refused: another secret, one with a blank, and strange headers.
  await blendfi("evt_forged", {}, { secret: "whsec_of_somebody_else" });
  await blendfi("evt_blank", {}, { secret: `${SECRET} ` });
  const strange = { "x-blendfi-event-id": "<b>bold</b>", cookie: "session=of-somebody", "x-strange": '"><script>alert(3)</script>' };
  await blendfi("evt_strange", {}, { secret: "whsec_of_somebody_else", headers: strange });
  const checkout = JSON.stringify({ checkoutId: "8f14e45f", status: "COMPLETED", amount: "15000", timestamp: new Date().toISOString() });
  for (const token of [TOKEN, TOKEN, "a-token-that-was-guessed"]) {
    await fetch(`${url}/webhooks/blox/${token}`, { method: "POST", body: checkout });
  }
}

const VIEWS = [
  ["endpoints", "/operator"],
  ["deliveries", "/operator/deliveries"],
  ["refused", "/operator/deliveries?outcome=refused"],
  ["hostile", `/operator/event?key=${encodeURIComponent("blendfi:evt_page_long")}`],
  ["dead", "/operator/dead"],
  ["queues", "/operator/queue"],
];

async function visit() {
  const require = createRequire(`${process.env.PAGE_MODULES}/`);
  const { chromium } = require("playwright-core");
  const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
  mkdirSync(where, { recursive: true });
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] });
  const wrong = [];
  const found = (view, text) => wrong.push(`${view}: ${text}`);
  try {
    const views = [...VIEWS, ...(await more(browser))];
    for (const width of [360, 1280]) {
      for (const colorScheme of ["light", "dark"]) {
        const context = await browser.newContext({ viewport: { width, height: 800 }, colorScheme });
        for (const [name, path] of views) {
          const page = await context.newPage();
          const view = `${name} ${width} ${colorScheme}`;
          page.on("console", (message) => found(view, `console: ${message.text()}`));
          page.on("pageerror", (error) => found(view, `script: ${error}`));
          page.on("dialog", (dialog) => { found(view, `dialog: ${dialog.message()}`); void dialog.dismiss(); });
          const answer = await page.goto(url + path, { waitUntil: "load" });
          if (answer.status() !== 200) found(view, `status ${answer.status()}`);
          const wide = await page.evaluate(() => document.scrollingElement.scrollWidth - innerWidth);
          if (wide > 0) found(view, `${wide} pixels too wide`);
          await page.evaluate(axe);
          const { violations } = await page.evaluate(() => globalThis.axe.run());
          for (const { id, nodes } of violations) found(view, `axe: ${id} at ${nodes.map((node) => node.target).join("; ")}`);
          const text = await page.content();
          for (const secret of [SECRET, TOKEN, "of-somebody", "a-token-that-was-guessed"]) {
            if (text.includes(secret)) found(view, `shows ${secret}`);
          }
          if (width === 1280 && colorScheme === "light") await byKeyboard(page, view, found);
          await page.mouse.click(0, 0);
          await page.screenshot({ path: `${where}/${name}-${width}-${colorScheme}.png`, fullPage: true });
          await page.close();
        }
        await context.close();
      }
    }
    await live(browser, found);
    await beside(browser, found);
    await withoutScripts(browser, found);
  } finally {
    await browser.close();
  }
  if (wrong.length > 0) {
    console.error([...new Set(wrong)].join("\n"));
    process.exit(1);
  }
  console.log(`${VIEWS.length + 3} views at two widths, light and dark: nothing wrong`);
}

/// Views reached through links: a dead event, a refused request, a handled event.
async function more(browser) {
  const page = await browser.newPage();
  const lead = async (path, selector) => {
    await page.goto(url + path);
    const href = await page.locator(selector).first().getAttribute("href", { timeout: 10_000 }).catch(() => null);
    return href ?? path;
  };
  const views = [
    ["event-dead", await lead("/operator/dead", "td[data-label=Event] a")],
    ["request", await lead("/operator/deliveries?outcome=refused&reason=signature_mismatch", "td[data-label=Time] a")],
    ["event", await lead("/operator/deliveries?outcome=duplicate", "td[data-label=Event] a")],
  ];
  await page.close();
  return views;
}

/// The Tab key reaches each control, and each shows that it has the focus.
async function byKeyboard(page, view, found) {
  const count = await page.evaluate(() => {
    const all = [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, summary, [tabindex='0']")];
    const seen = all.filter((it) => it.checkVisibility());
    for (const [number, it] of seen.entries()) it.dataset.number = String(number);
    document.activeElement?.blur();
    return seen.length;
  });
  const come = new Set();
  for (let press = 0; press < count * 8 + 8 && come.size < count; press += 1) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(() => {
      const it = document.activeElement;
      const style = it && getComputedStyle(it);
      return it && { number: it.dataset?.number, is: it.outerHTML.slice(0, 80), outline: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0 };
    });
    if (at?.number === undefined) continue;
    if (!at.outline) found(view, `no visible focus on ${at.is}`);
    come.add(at.number);
  }
  if (come.size !== count) found(view, `the keyboard comes to ${come.size} of ${count} controls`);
}

/// New deliveries appear without a reload.
async function live(browser, found) {
  const page = await browser.newPage();
  await page.goto(`${url}/operator/deliveries`);
  const id = `evt_live_${Date.now()}`;
  assert.ok((await blendfi(id)) < 300);
  const seen = await page.locator(`text=blendfi:${id}`).first().waitFor({ timeout: 30_000 }).catch(() => "never");
  if (seen === "never") found("live", "what arrived is not shown");
  await page.close();
}

/// A browser allows six connections to a host: pages in the background leave them to a newly opened one.
async function beside(browser, found) {
  const context = await browser.newContext();
  for (let number = 0; number < 8; number += 1) {
    const page = await context.newPage();
    await page.goto(`${url}/operator`);
    // Pages behind another are hidden in a real browser; when automated, none is.
    await page.evaluate(() => {
      Object.defineProperty(document, "hidden", { get: () => true });
      document.dispatchEvent(new Event("visibilitychange"));
    });
  }
  const page = await context.newPage();
  const answer = await page.goto(`${url}/operator/queue`, { timeout: 5_000 }).catch(() => null);
  if (answer?.status() !== 200) found("beside eight others", "a page is not loaded");
  await context.close();
}

/// Everything works without scripts.
async function withoutScripts(browser, found) {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(`${url}/operator/queue`);
  const pause = page.getByRole("button", { name: "Pause bloquo", exact: true });
  if ((await pause.count()) === 0) return void (await context.close());
  await pause.click();
  if (!(await page.content()).includes("1 paused")) found("without scripts", "nothing was paused");
  await page.getByRole("button", { name: "Resume bloquo", exact: true }).click();
  if (!(await page.content()).includes("1 resumed")) found("without scripts", "nothing was resumed");
  await page.goto(`${url}/operator/dead`);
  await page.getByRole("checkbox").first().check();
  await page.getByRole("button", { name: "Redrive the chosen" }).click();
  if (!(await page.content()).includes("1 queued again")) found("without scripts", "nothing was redriven");
  await page.goto(`${url}/operator/deliveries?outcome=operator`);
  await page.locator("td[data-label=Outcome]", { hasText: "operator" }).first().waitFor({ timeout: 10_000 })
    .catch(() => found("without scripts", "the journal does not say what was done"));
  await context.close();
}

if (what === "seed") await seed();
else await visit();
