// What pages do beyond their forms and links. Everything here is a comfort: each page works without it.
// Loaded in the head without defer, so that the theme stands before the first paint.
(() => {
  "use strict";

  const root = document.documentElement;
  root.classList.add("js");

  // --- Theme: light, dark, or what the system says ------------------------------------------------------

  const systemIsDark = window.matchMedia("(prefers-color-scheme: dark)");

  const chosenTheme = () => {
    try {
      return localStorage.getItem("theme") || "auto";
    } catch {
      return "auto"; // storage is forbidden
    }
  };

  const showTheme = () => {
    const choice = chosenTheme();
    const dark = choice === "dark" || (choice === "auto" && systemIsDark.matches);
    root.dataset.bsTheme = dark ? "dark" : "light";
    for (const button of document.querySelectorAll("[data-theme-choice]")) {
      button.setAttribute("aria-pressed", String(button.dataset.themeChoice === choice));
    }
  };

  const chooseTheme = (choice) => {
    try {
      localStorage.setItem("theme", choice);
    } catch {
      return;
    }
    showTheme();
  };

  showTheme();
  systemIsDark.addEventListener("change", showTheme);
  window.addEventListener("storage", showTheme);

  // --- Times: the server writes them in its zone, the reader gets theirs --------------------------------

  const showTimes = (part) => {
    const format = new Intl.DateTimeFormat(root.lang, { dateStyle: "medium", timeStyle: "short" });
    for (const time of part.querySelectorAll("time[datetime]")) {
      time.textContent = format.format(new Date(time.dateTime));
    }
  };

  // --- Forms that are sent once: an order, a cancellation -----------------------------------------------

  const buttonsOf = (form) => form.querySelectorAll("button[type=submit]");

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("[data-once]")) return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    for (const button of buttonsOf(form)) button.disabled = true;
  });

  // A page that comes back by the Back button comes back as it was left.
  window.addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    for (const form of document.querySelectorAll("form[data-sent]")) {
      delete form.dataset.sent;
      for (const button of buttonsOf(form)) button.disabled = false;
    }
  });

  // --- The phone's menu ---------------------------------------------------------------------------------

  const toggleMenu = (toggler) => {
    const menu = document.getElementById(toggler.getAttribute("aria-controls"));
    toggler.setAttribute("aria-expanded", String(menu.classList.toggle("show")));
  };

  document.addEventListener("click", (event) => {
    const themeButton = event.target.closest("[data-theme-choice]");
    const toggler = event.target.closest("[data-menu-toggler]");
    if (themeButton) chooseTheme(themeButton.dataset.themeChoice);
    if (toggler) {
      event.preventDefault(); // without scripts the link opens the menu by :target
      toggleMenu(toggler);
    }
  });

  document.addEventListener("DOMContentLoaded", () => {
    showTheme();
    showTimes(document);
  });

  // --- htmx ---------------------------------------------------------------------------------------------

  document.addEventListener("htmx:load", (event) => showTimes(event.detail.elt));

  // An answer from another address is the login page: the session has ended.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr, pathInfo } = event.detail;
    const asked = new URL(pathInfo.finalRequestPath, location.href).pathname;
    if (xhr.responseURL && new URL(xhr.responseURL).pathname !== asked) {
      event.detail.shouldSwap = false;
      location.reload();
    }
  });
})();
