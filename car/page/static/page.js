// The driver's page. It says where to go twenty times a second; the car checks all of it and stops when it falls silent.
"use strict";

const $ = (id) => document.getElementById(id);
const SAY_MS = 50, SILENT_MS = 1000;
const KEYS = { ArrowLeft: "left", j: "left", ArrowRight: "right", l: "right", ArrowUp: "up", i: "up", ArrowDown: "down", k: "down" };
const MODES = { u: "user", s: "local_angle", a: "local" };
const STEERING_PER_S = 4; // how fast the keys turn the wheels

let socket, heardAt = Date.now(), state = {};
let wantsWheel = false; // somebody touched something here that drives
let stick = null; // {x, y} while the joystick is held
const held = new Set(); // directions whose keys are down
let angle = 0, throttle = 0;

function connect() {
  socket = new WebSocket(location.origin.replace("http", "ws") + "/wsDrive");
  socket.onopen = () => { $("picture").src = `/video?${Date.now()}`; };
  socket.onmessage = (event) => { heardAt = Date.now(); state = JSON.parse(event.data); show(); };
  socket.onclose = () => { letGo(); setTimeout(connect, 500); };
}

function say(message) {
  if (socket.readyState === WebSocket.OPEN) { socket.send(JSON.stringify(message)); return; }
  if (message.stop) fetch("/drive", { method: "POST", body: JSON.stringify(message), keepalive: true }).catch(() => {});
}

function act(message) { wantsWheel = true; say(message); }

function letGo() { wantsWheel = false; stick = null; held.clear(); angle = throttle = 0; moveKnob(); }

function leave() { if (wantsWheel) say({ leave: true }); letGo(); }

function stop() { say({ stop: true }); stick = null; held.clear(); angle = throttle = 0; moveKnob(); }

function arm() { act(state.stopped ? { stop: false } : { arm: !state.armed }); }

function record() { act({ recording: !state.recording }); }

// A full stick is the car's cap, so that all of the stick's way is of use.
function aim() {
  const cap = state.throttle_cap ?? 0;
  if (stick) { angle = stick.x; throttle = stick.y * cap; return; }
  const wanted = held.has("right") - held.has("left"), step = STEERING_PER_S * SAY_MS / 1000;
  angle = wanted === 0 ? 0 : Math.max(-1, Math.min(1, angle + wanted * step));
  throttle = (held.has("up") - held.has("down")) * cap;
}

setInterval(() => {
  document.body.classList.toggle("lost", Date.now() - heardAt > SILENT_MS);
  if (Date.now() - heardAt > SILENT_MS) $("driver").textContent = "NO LINK TO THE CAR";
  if (state.driver === "other" || state.driver === "pad") letGo();
  if (!wantsWheel) return;
  aim();
  say({ angle, throttle });
  moveKnob();
}, SAY_MS);

function show() {
  const who = { you: "you drive", nobody: "nobody drives by hand",
    other: "another page drives; you watch, and can STOP", pad: "the pad drives; you watch, and can STOP" };
  $("label").textContent = state.label;
  $("driver").textContent = who[state.driver];
  document.body.classList.toggle("driving", state.driver === "you");
  for (const button of $("modes").children) button.setAttribute("aria-pressed", button.dataset.mode === state.driveMode);
  $("arm").textContent = state.stopped ? "Release STOP" : state.armed ? "Disarm" : "Arm";
  $("arm").classList.toggle("armed", state.armed);
  $("record").textContent = state.recording ? "Stop recording" : "Record";
  $("record").setAttribute("aria-pressed", state.recording);
  $("stop").classList.toggle("pressed", state.stopped);
  $("stop").textContent = state.stopped ? "STOPPED" : "STOP";
  $("numbers").textContent = `steering ${signed(state.steering)}   throttle ${signed(state.throttle)}   ${state.num_records} records`;
  $("note").textContent = state.note || state.reason;
}

function signed(value) { return (value < 0 ? "−" : "+") + Math.abs(value).toFixed(2); }

function moveKnob() {
  const cap = state.throttle_cap || 1, zone = $("joystick");
  const x = angle * (zone.clientWidth / 2 - 40), y = -(throttle / cap) * (zone.clientHeight / 2 - 40);
  $("knob").style.transform = `translate(${x}px, ${y}px)`;
}

function touched(event) {
  const box = $("joystick").getBoundingClientRect();
  const fraction = (at, from, size) => Math.max(-1, Math.min(1, (at - from - size / 2) / (size / 2 - 40)));
  stick = { x: fraction(event.clientX, box.left, box.width), y: -fraction(event.clientY, box.top, box.height) };
  wantsWheel = true;
}

$("joystick").addEventListener("pointerdown", (event) => { $("joystick").setPointerCapture(event.pointerId); touched(event); });
$("joystick").addEventListener("pointermove", (event) => { if (stick) touched(event); });
for (const end of ["pointerup", "pointercancel", "lostpointercapture"])
  $("joystick").addEventListener(end, () => { stick = null; angle = 0; });

$("stop").addEventListener("pointerdown", stop);
$("stop").addEventListener("click", stop); // a keyboard's or a screen reader's press
$("arm").addEventListener("click", arm);
$("record").addEventListener("click", record);
for (const button of $("modes").children) button.addEventListener("click", () => act({ drive_mode: button.dataset.mode }));

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key === " ") { event.preventDefault(); stop(); return; }
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (key in KEYS) { event.preventDefault(); held.add(KEYS[key]); wantsWheel = true; return; }
  if (event.repeat) return;
  if (key === "g") arm();
  if (key === "r") record();
  if (key in MODES) act({ drive_mode: MODES[key] });
});
addEventListener("keyup", (event) => {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (event.key === " ") event.preventDefault(); // no button is pressed by it
  if (key in KEYS) held.delete(KEYS[key]);
});
addEventListener("blur", () => { held.clear(); stick = null; });
document.addEventListener("visibilitychange", () => { if (document.hidden) leave(); });

connect();
