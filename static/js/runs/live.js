// Keeps a run's progress fresh: the server pushes it over a socket; while none is open, the page asks every two
// seconds, until the run is over.

const POLL_MS = 2000;
let sockets = 0;

const progress = () => document.getElementById("run-progress");

document.body.addEventListener("htmx:wsOpen", () => {
  sockets += 1;
});

document.body.addEventListener("htmx:wsClose", () => {
  sockets = Math.max(0, sockets - 1);
});

setInterval(() => {
  const element = progress();
  if (element && sockets === 0 && element.dataset.active === "true" && !document.hidden) {
    window.htmx.trigger(element, "run:poll");
  }
}, POLL_MS);
