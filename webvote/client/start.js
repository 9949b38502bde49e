// Says in words why a page's own script does not run. Plain ES5, so that every browser with scripts can run it.
//
// Decides between two causes: the script did not arrive (a blocker, a filter, a broken connection), or the browser does
// not understand it. Later failures that nobody caught are said too. Leaves the sentences to the templates.
(function () {
  "use strict";
  var blocked = false;

  function started() {
    return document.documentElement.hasAttribute("data-started");
  }

  function show(cause) {
    var app = document.getElementById("app");
    var told = document.getElementById("step-" + cause);
    if (app === null || told === null) return;
    for (var k = 0; k < app.children.length; k += 1) app.children[k].hidden = app.children[k] !== told;
    told.getElementsByTagName("h1")[0].focus();
  }

  /** Whether a file's address, or what a failure says of the files it went through, names a script of these pages. */
  function isOurs(text) {
    return text.indexOf(location.origin + "/static/") >= 0;
  }

  function sayBroken() {
    var box = document.getElementById("error");
    var text = document.getElementById("page-broken");
    if (!started() || box === null || text === null) return;
    box.textContent = text.textContent;
    box.hidden = false;
  }

  // Failures to load an element do not bubble: they are seen on their way down. Those of other people's scripts, such as
  // a browser's extensions, are not ours to tell.
  window.addEventListener(
    "error",
    function (event) {
      if (event.target !== window) blocked = blocked || event.target.nodeName === "SCRIPT";
      else if (isOurs(event.filename)) sayBroken();
    },
    true,
  );
  window.addEventListener("unhandledrejection", function (event) {
    if (isOurs(String(event.reason && event.reason.stack))) sayBroken();
  });

  function look() {
    if (!started()) show(blocked ? "blocked" : "old");
  }

  // Module scripts run before the page counts as loaded. That a script was kept away is known earlier.
  window.addEventListener("DOMContentLoaded", function () {
    if (blocked) look();
  });
  window.addEventListener("load", look);
})();
