// Loaded when somebody opens the recordings: a list, and for each a preview, the policy's score against the human, a download and an end.

import { $, make, write } from "../dom.js";
import { on, state } from "../link.js";
import { play } from "./player.js";

let playing = null; // the preview that is open
let recorded = false;

const path = (name) => `/drives/${encodeURIComponent(name)}`;

async function load() {
  try {
    const { drives, folder } = await (await fetch("/drives")).json();
    $("list").replaceChildren(...drives.map(row));
    write($("shelf-note"), drives.length ? "" : `none yet: press Record while the car drives. They are kept in ${folder}`);
  } catch { write($("shelf-note"), "the list cannot be had now: no link to the car"); }
}

function words({ when, records, s, own }) {
  const parts = [when ? new Date(when).toLocaleString([], { dateStyle: "medium", timeStyle: "short" }) : "unreadable"];
  if (s !== null) parts.push(s < 100 ? `${s.toFixed(0)} s` : `${(s / 60).toFixed(1)} min`);
  if (records !== null) parts.push(`${records} records`);
  if (own) parts.push("this drive");
  return parts.join(" · ");
}

function row(drive) {
  const picture = drive.preview && make("img", { src: `${path(drive.name)}/frames/${drive.preview}`, alt: "", loading: "lazy", width: 80, height: 60 });
  const result = make("p", { class: "result", role: "status" }), stage = make("div", { class: "stage" });
  const watch = make("button", {}, "Watch"), score = make("button", {}, "Score"), remove = make("button", {}, "Delete");
  const download = make("a", { class: "button", href: `${path(drive.name)}.zip`, download: "" }, "Download");
  const buttons = make("div", { class: "buttons" }, watch, score, download, remove);
  const item = make("li", { "data-drive": drive.name }, picture || "", make("div", {}, make("p", {}, words(drive)), buttons, result, stage));
  watch.onclick = () => open(drive, stage, result);
  score.onclick = () => judge(drive, stage, result, score);
  remove.onclick = () => ask(drive, buttons, result);
  remove.disabled = drive.own;
  for (const button of [watch, score, remove, download]) button.setAttribute("aria-label", `${button.textContent} ${words(drive)}`);
  return item;
}

async function open(drive, stage, result, steering = null) {
  playing?.close();
  write(result, "reading ...");
  try {
    const timeline = await (await fetch(`${path(drive.name)}/timeline`)).json();
    if (timeline.error) throw new Error(timeline.error);
    write(result, "");
    playing = play(stage, timeline, (image) => `${path(drive.name)}/frames/${image}`, steering);
  } catch (error) { write(result, error.message); }
}

/** The score comes in lines: how far the work is, then the result. */
async function judge(drive, stage, result, button) {
  button.disabled = true;
  try {
    const response = await fetch(`${path(drive.name)}/score`);
    if (!response.ok) throw new Error(response.status === 503 ? "another score is being made; try again" : "there is no score");
    const found = await lastLine(response, ({ done, of }) => write(result, `the policy drives it: ${Math.round(100 * done / of)} %`));
    if (found.error) throw new Error(found.error);
    await open(drive, stage, result, found);
    write(result, `${found.model} steers ${found.score.toFixed(2)} like the human (1: as the human did, 0: like anybody), ${found.lag_s.toFixed(2)} s later`);
  } catch (error) { write(result, error.message); }
  button.disabled = false;
}

async function lastLine(response, progress) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "", last = { error: "the score was broken off" };
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return last;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines.map((one) => JSON.parse(one))) { if ("done" in line) progress(line); else last = line; }
  }
}

function ask(drive, buttons, result) {
  const sure = make("button", { class: "danger" }, "Yes, delete"), keep = make("button", {}, "Keep");
  const question = make("div", { class: "buttons" }, make("strong", {}, "Delete it for good?"), sure, keep);
  buttons.replaceWith(question);
  keep.focus();
  keep.onclick = () => question.replaceWith(buttons);
  sure.onclick = async () => {
    playing?.close(); // it may be showing this one
    try {
      const answer = await (await fetch(path(drive.name), { method: "DELETE" })).json();
      if (answer.error) throw new Error(answer.error);
      await load();
    } catch (error) { write(result, error.message); question.replaceWith(buttons); }
  };
}

$("shelf").addEventListener("toggle", () => { if ($("shelf").open) load(); else playing?.close(); });
load();
on("state", () => {
  if (recorded && !state.recording && $("shelf").open && !document.querySelector(".stage:not(:empty)")) setTimeout(load, 500);
  recorded = state.recording;
});
