// The half of the page that drives. It says where to go twenty times a second; the car checks all of it, and stops when
// it falls silent. Nothing of the other half, see.js, is needed for it.

import { $, write } from "./dom.js";
import { gone, lost, on, say, state } from "./link.js";
import { readPads } from "./pad.js";
import { aim, letGo, wheel } from "./wheel.js";

const SAY_MS = 50;
const MODES = { u: "user", s: "local_angle", a: "local" };
const WHO = { you: "you drive", nobody: "nobody drives by hand",
  other: "another page drives; you watch, and can STOP", pad: "the pad drives; you watch, and can STOP" };

function act(message) { wheel.wanted = true; say(message); }

function stop() { say({ stop: true }); letGo(); }

function arm() { act(state.stopped ? { stop: false } : { arm: !state.armed }); }

function record() { act({ recording: !state.recording }); }

function nextMode() { const modes = Object.values(MODES); act({ drive_mode: modes[(modes.indexOf(state.driveMode) + 1) % 3] }); }

function leave() { if (wheel.wanted) say({ leave: true }); wheel.wanted = false; letGo(); }

setInterval(() => {
  document.body.classList.toggle("lost", lost());
  if (lost()) write($("driver"), gone() ? "NO LINK: if the program was started anew, open its new link" : "NO LINK TO THE CAR");
  readPads({ stop, record, arm, mode: nextMode, gone: leave });
  if (state.driver === "other" || state.driver === "pad") { wheel.wanted = false; letGo(); }
  if (!wheel.wanted) return;
  aim(SAY_MS);
  say({ angle: wheel.angle, throttle: wheel.throttle });
}, SAY_MS);

function show() {
  write($("label"), state.label);
  write($("driver"), WHO[state.driver]);
  document.body.classList.toggle("driving", state.driver === "you");
  for (const button of $("modes").children) button.setAttribute("aria-pressed", button.dataset.mode === state.driveMode);
  write($("arm"), state.stopped ? "Release STOP" : state.armed ? "Disarm" : "Arm");
  $("arm").classList.toggle("armed", state.armed);
  write($("record"), state.recording ? "Stop recording" : "Record");
  $("record").setAttribute("aria-pressed", state.recording);
  $("stop").classList.toggle("pressed", state.stopped);
  write($("stop"), state.stopped ? "STOPPED" : "STOP");
}

on("state", show);
on("close", () => { wheel.wanted = false; letGo(); });

$("stop").addEventListener("pointerdown", stop);
$("stop").addEventListener("click", stop); // a keyboard's or a screen reader's press
$("arm").addEventListener("click", arm);
$("record").addEventListener("click", record);
for (const button of $("modes").children) button.addEventListener("click", () => act({ drive_mode: button.dataset.mode }));

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key === " ") { event.preventDefault(); stop(); return; }
  if (event.repeat) return;
  const key = event.key.toLowerCase();
  if (key === "g") arm();
  if (key === "r") record();
  if (key in MODES) act({ drive_mode: MODES[key] });
});
addEventListener("keyup", (event) => { if (event.key === " ") event.preventDefault(); }); // no button is pressed by it
document.addEventListener("visibilitychange", () => { if (document.hidden) leave(); });
