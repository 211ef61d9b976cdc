/* The console's only script of its own: it follows a run's log. Pages work without it. */
(function () {
  "use strict";

  var KEPT_LINES = 5000;
  var LONGEST_WAIT_MS = 15000;

  /* A log line is text that programs and people wrote: it is never put into the page as HTML. */
  function rowOf(line) {
    var row = document.createElement("span");
    row.className = "log-line";
    row.textContent = line + "\n";
    return row;
  }

  function follow(panel) {
    var last = Number(panel.dataset.logLast || "0");
    var wait = 500;
    var state = document.querySelector("[data-log-state]");

    function say(word) {
      if (state) state.textContent = state.dataset[word];
    }

    /* The event's number is that of its last line; lines that the page has already are left out. */
    function show(event) {
      var lines = JSON.parse(event.data);
      var number = Number(event.lastEventId);
      var fresh = lines.slice(Math.max(0, lines.length - (number - last)));
      if (number <= last || !fresh.length) return;
      last = number;
      var atEnd = panel.scrollHeight - panel.scrollTop - panel.clientHeight < 40;
      fresh.forEach(function (line) { panel.appendChild(rowOf(line)); });
      while (panel.childElementCount > KEPT_LINES) panel.removeChild(panel.firstElementChild);
      if (atEnd) panel.scrollTop = panel.scrollHeight;
    }

    function open() {
      var source = new EventSource(panel.dataset.logStream + "?after=" + last);
      source.addEventListener("open", function () { wait = 500; say("live"); });
      source.addEventListener("lines", show);
      source.addEventListener("done", function () {
        source.close();
        say("ended");
        document.body.dispatchEvent(new CustomEvent("run-ended"));
      });
      /* The stream is opened again by hand, because the browser would not repeat it after an error answer. */
      source.onerror = function () {
        source.close();
        say("lost");
        window.setTimeout(open, wait);
        wait = Math.min(wait * 2, LONGEST_WAIT_MS);
      };
    }

    panel.scrollTop = panel.scrollHeight;
    open();
  }

  document.addEventListener("DOMContentLoaded", function () {
    document.querySelectorAll("[data-log-stream]").forEach(follow);
  });
})();
