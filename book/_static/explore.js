// Figures with controls: show the state that the controls say. Every state was drawn when the
// book was built (pupil_helpers.explore); its picture is fetched when it is first shown.
for (const figure of document.querySelectorAll("figure.explore")) {
  const states = JSON.parse(figure.querySelector("script").textContent);
  const controls = [...figure.querySelectorAll("input, select")];
  const count = (control) => (control.options ? control.options.length : Number(control.max) + 1);
  const places = () => controls.map((control) => Number(control.value));
  const state = (at) => states[at.reduce((index, place, i) => index * count(controls[i]) + place, 0)];

  function show() {
    const shown = state(places());
    for (const kind of ["light", "dark"]) {
      const image = figure.querySelector(`img.only-${kind}`);
      image.src = shown[kind];
      image.alt = shown.alt;
    }
    for (const slider of figure.querySelectorAll("input")) {
      const text = JSON.parse(slider.dataset.shown)[slider.value];
      slider.setAttribute("aria-valuetext", text);
      slider.nextElementSibling.value = text;
    }
    const caption = figure.querySelector("figcaption");
    if (caption) caption.textContent = shown.caption;
  }

  // Whoever moves one control will move it again: fetch what is one step away.
  function prepare() {
    const kind = document.documentElement.dataset.theme === "dark" ? "dark" : "light";
    const at = places();
    for (const i of controls.keys()) {
      for (const place of [at[i] - 1, at[i] + 1]) {
        if (place >= 0 && place < count(controls[i])) new Image().src = state(at.with(i, place))[kind];
      }
    }
  }

  for (const control of controls) {
    control.addEventListener("input", () => { show(); prepare(); });
    control.addEventListener("focus", prepare, { once: true });
  }
  figure.querySelector(".explore-controls").hidden = false;
  show(); // a browser may have kept the controls where they were on an earlier visit
}
