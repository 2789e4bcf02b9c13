// The page that asks: what is said, a question, a button for each answer. It shows that somebody is there ten times a
// second; the car turns nothing without that.

import { $, list, make, write } from "../dom.js";
import { gone, lost, on, say, state } from "../link.js";

const SAY_MS = 100;
const AGAIN_MS = 1000; // an answer that the car has not taken by then was lost
const WHO = { you: "you answer", nobody: "nobody answers", other: "another page answers; you watch, and can STOP" };

let shown = 0; // the number of the question whose buttons stand
let answered = { number: 0, at: 0 };

/** A question that waits for an answer from here. */
function open() {
  return Boolean(state.question) && state.driver === "you" && !lost()
    && (answered.number !== state.question[0] || Date.now() - answered.at > AGAIN_MS);
}

function answer(text) {
  if (!open()) return;
  answered = { number: state.question[0], at: Date.now() };
  say({ to: answered.number, answer: text });
  enable();
}

function stop() { if (!state.over) say({ stop: true }); }

/** Buttons stay where they were while the car moves, so that a thumb finds them, but take nothing. */
function enable() {
  const closed = !open(), typing = document.activeElement === $("typed");
  for (const button of document.querySelectorAll("#choices button, #send")) button.disabled = closed;
  if ($("typed").disabled === closed) return;
  $("typed").disabled = closed;
  if (closed) again = typing; else if (again) $("typed").focus();
}
let again = false; // the keyboard was in the text field, and goes back there

function ask([number, text, choices]) {
  if (number === shown) return;
  shown = number;
  write($("question"), text);
  const answers = choices.map(([key]) => key), steps = answers.includes("+");
  $("question").classList.toggle("pulse", steps);
  $("choices").classList.toggle("steps", steps);
  if ($("choices").dataset.answers !== JSON.stringify(choices)) {
    $("choices").dataset.answers = JSON.stringify(choices);
    $("choices").replaceChildren(...choices.map(([key, words]) => {
      const button = make("button", { "data-answer": key, class: key === "" ? "enter" : "" }, words);
      button.addEventListener("click", () => answer(key));
      return button;
    }));
  }
  $("typing").hidden = answers.length > 0 && !answers.includes("");
  $("typed").placeholder = steps ? "another step, like +5" : "";
  $("typed").value = "";
}

function show() {
  write($("label"), state.label);
  write($("driver"), state.over ? "over" : WHO[state.driver]);
  document.body.classList.toggle("driving", state.driver === "you" && !state.over);
  const words = state.said.join("\n");
  if ($("said").dataset.words !== words) {
    $("said").dataset.words = words;
    $("said").replaceChildren(...state.said.map((line) => make("p", {}, line)));
  }
  if (state.question) ask(state.question);
  $("stop").classList.toggle("pressed", state.stopped);
  write($("stop"), state.stopped ? "STOPPED" : "STOP");
  enable();
  if (state.over) finish();
}

function finish() {
  $("asking").hidden = $("keys").hidden = $("stop").hidden = true;
  $("result").hidden = false;
  const rows = Object.entries(state.found);
  document.body.classList.toggle("failed", rows.length === 0);
  write($("end"), state.end);
  list($("found"), rows.map(([name, value]) => [name, typeof value === "number" ? `${+value.toPrecision(6)}` : `${value}`]));
}

setInterval(() => {
  document.body.classList.toggle("lost", lost() && !state.over);
  if (state.over) return;
  if (lost()) write($("driver"), gone() ? "NO LINK: if the program was started anew, open its new link" : "NO LINK TO THE CAR");
  enable();
  if (!document.hidden) say({});
}, SAY_MS);

on("state", show);
on("open", () => { answered.number = 0; });

$("stop").addEventListener("pointerdown", stop);
$("stop").addEventListener("click", stop); // a keyboard's or a screen reader's press
$("typing").addEventListener("submit", (event) => { event.preventDefault(); answer($("typed").value); });

/** Where a space is one: in a text that has begun, which only is while a question waits and nothing moves. */
function isTyped(event) { return event.target === $("typed") && $("typed").value !== "" && !$("typed").disabled; }

for (const kind of ["keydown", "keyup"]) addEventListener(kind, (event) => {
  if (event.key !== " " || isTyped(event)) return;
  event.preventDefault(); // no button is pressed by it
  if (kind === "keydown") stop();
});
