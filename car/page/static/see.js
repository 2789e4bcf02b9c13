// The half of the page that shows: each file draws one thing from what the car last said.

import { showTrack } from "./above.js";
import { showCamera } from "./camera.js";
import { showCharts } from "./charts.js";
import { $ } from "./dom.js";
import { on } from "./link.js";
import { showNumbers } from "./numbers.js";
import { showThinking } from "./thinking.js";

on("state", () => {
  showCamera();
  if (document.hidden) return;
  showCharts();
  showThinking();
  showTrack();
  showNumbers();
});

$("shelf").addEventListener("toggle", () => import("./drives/list.js"), { once: true });
