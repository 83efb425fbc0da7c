// Makes a slide of `present` as small as it must be to be seen whole, down to LEAST of its size; a longer one scrolls.
(() => {
  const LEAST = 0.6, STEP = 0.04;
  const fit = () => {
    const slide = document.querySelector("section.present > section.present");
    if (!slide) return;
    slide.style.setProperty("--fit", 1);
    for (let size = 1 - STEP; slide.scrollHeight > slide.clientHeight + 1 && size >= LEAST; size -= STEP) {
      slide.style.setProperty("--fit", size);
    }
  };
  let waiting;
  const soon = () => { clearTimeout(waiting); waiting = setTimeout(fit, 150); };
  new MutationObserver(soon).observe(document.body, {subtree: true, childList: true, attributeFilter: ["class"]});
  addEventListener("resize", soon);
  addEventListener("load", soon, true); // of a picture, too
})();
