// The little that HTML cannot do: warn before the session ends, and print. Pages work without it.
"use strict";

const body = document.body;
let endsAt = performance.now() + Number(body.dataset.leftS) * 1000;

function renew() {
  endsAt = performance.now() + Number(body.dataset.leftS) * 1000;
}

function watch() {
  const leftS = (endsAt - performance.now()) / 1000;
  const dialog = document.getElementById("ending");
  if (leftS <= 0) {
    location.assign("/login");
  } else if (leftS <= Number(body.dataset.warnedS) && !dialog.open) {
    dialog.showModal();
  }
}

if (body.dataset.clerk) {
  setInterval(watch, 1000);
}

document.addEventListener("click", (event) => {
  if (event.target instanceof Element && event.target.closest("[data-print]")) {
    window.print();
  }
});

// More time is asked for without leaving the page, so that nothing typed is lost.
document.getElementById("stay").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const answer = await fetch("/stay", { method: "POST", body: new URLSearchParams(new FormData(form)) });
  if (answer.ok) {
    body.dataset.leftS = String(Number(body.dataset.idleS));
    renew();
    document.getElementById("ending").close();
  } else {
    location.assign("/login");
  }
});

// A payment button is pressed once.
document.addEventListener("submit", (event) => {
  if (event.target instanceof HTMLFormElement && event.target.dataset.once !== undefined) {
    event.target.querySelectorAll("button").forEach((each) => { each.disabled = true; });
  }
});

// The page looks for the card by itself: it says when nobody answers, and takes that back.
document.addEventListener("htmx:sendError", () => { document.getElementById("away").hidden = false; });
document.addEventListener("htmx:beforeOnLoad", () => { document.getElementById("away").hidden = true; });
