// The socket to the car: what it last said of itself, and what is said to it. Runs first, and alone: it needs no other file.

export const state = {}; // all that /status has but for its figures, and who drives, as docs/driving.md explains it
export const SILENT_MS = 500; // the car stops a driver it has not heard for so long; what it does not say, we cannot know
const RETRY_MS = 500, LATE_MS = 15000, MOST_WAITING = 2000; // bytes that a slow link has not taken yet

export const trace = []; // of the last ten seconds: when in s, steering, throttle, latency in ms
const TRACE_S = 10;

const { socket: SOCKET = "/wsDrive", post: POST = "/drive" } = document.body.dataset; // each page has its own

let socket, heardAt = Date.now();
const listeners = { state: [], open: [], close: [] };

/** listener is called at each event; for "open", at once where that has been. */
export function on(event, listener) {
  listeners[event].push(listener);
  if (event === "open" && socket?.readyState === WebSocket.OPEN) listener();
}

function tell(event) { for (const listener of listeners[event]) listener(); }

function connect() {
  socket = new WebSocket(location.origin.replace("http", "ws") + SOCKET);
  socket.onopen = () => { trace.length = 0; tell("open"); };
  socket.onmessage = (event) => { heardAt = Date.now(); hear(JSON.parse(event.data)); tell("state"); };
  socket.onclose = () => { tell("close"); if (!state.over) setTimeout(connect, RETRY_MS); };
}

function hear({ trace: moments = [], ...said }) {
  Object.assign(state, said);
  trace.push(...moments);
  while (trace.length && trace[0][0] <= trace.at(-1)[0] - TRACE_S) trace.shift();
}

/** The car has not been heard for so long that it has stopped whoever drove by hand. */
export function lost() { return Date.now() - heardAt > SILENT_MS; }

/** For so long that the program may have been started anew, with a new token. */
export function gone() { return Date.now() - heardAt > LATE_MS; }

/** A STOP goes out by whatever way there is; all else only where the link is not behind: an old command is worse than none. */
export function say(message) {
  if (socket.readyState === WebSocket.OPEN && (message.stop || socket.bufferedAmount < MOST_WAITING)) {
    socket.send(JSON.stringify(message));
  } else if (message.stop) {
    fetch(POST, { method: "POST", body: JSON.stringify(message), keepalive: true }).catch(() => {});
  }
}

connect();
