// The theme has controls that only a mouse reaches: <a> without an address, <span>, <div>.
// They become buttons here, before Alpine reads their attributes.
document.addEventListener("alpine:init", () => {
  const REACHED = "button, input, select, textarea, a[href]:not([href='#'])";
  // A panel that the theme hides by a class, while others carry their state in x-show.
  const SIDEBAR = { sidebarMobileOpen: "#nav-sidebar" };
  const names = document.getElementById("hub-names")?.dataset ?? {};
  const states = new Map();

  const stateOf = (control) =>
    control.getAttribute("x-on:click").match(/^\s*(\w+)\s*=\s*(?:!\s*\1|true)\b/)?.[1];

  const makeButton = (control) => {
    const state = stateOf(control);
    const name = names[state];
    // What says nothing is the ground behind an open panel.
    if (!name && !control.title && !control.textContent.trim()) return;
    states.set(control, state);
    control.tabIndex = 0;
    control.role = "button";
    if (name) control.ariaLabel = name;
    if (state) control.setAttribute("x-bind:aria-expanded", state);
    // An icon is a word in a font of its own, and would be read aloud.
    for (const icon of control.querySelectorAll(".material-symbols-outlined")) icon.ariaHidden = "true";
  };

  const panelOf = (control) => {
    const state = states.get(control);
    const panels = document.querySelectorAll(SIDEBAR[state] ?? `[x-show="${state}"]`);
    return [...panels].find((panel) => panel.checkVisibility());
  };

  const isOpen = (control) => control.ariaExpanded === "true" && control.checkVisibility();

  const press = (event) => {
    event.preventDefault();
    event.target.click();
  };

  // From an open control the next stop is its panel, wherever that stands in the page.
  const enter = (event) => {
    const panel = panelOf(event.target);
    const stops = panel?.querySelectorAll("a[href], button, input, select, [role=button]") ?? [];
    const first = [...stops].find((one) => one.checkVisibility());
    if (!first || panel.contains(event.target)) return;
    event.preventDefault();
    first.focus();
  };

  const leave = () => {
    const here = document.activeElement;
    const holds = (one) => {
      const panel = panelOf(one);
      return panel && (one === here || panel.contains(here));
    };
    // The last, for the menu of a narrow window has one of its own within.
    const control = [...states.keys()].findLast((one) => isOpen(one) && holds(one));
    if (!control) return;
    // The filters, which their control only opens, close by themselves.
    if (control.getAttribute("x-on:click").includes("!")) control.click();
    control.focus();
  };

  for (const control of document.querySelectorAll("[x-on\\:click]")) {
    if (!control.matches(REACHED)) makeButton(control);
  }

  // Ahead of the theme's own listeners, which may have closed the panel otherwise.
  document.addEventListener(
    "keydown",
    (event) => {
      if (event.key === "Escape") leave();
      if (!states.has(event.target)) return;
      if (event.key === "Enter" || event.key === " ") press(event);
      if (event.key === "Tab" && !event.shiftKey && isOpen(event.target)) enter(event);
    },
    true,
  );
});
