// Starts a deck: marks questions and answers, finds the scale of each page, then hands over to reveal.js.
(() => {
  // A question to vote on and the answer to it get a bar, to the end of their cell.
  function mark(first, name) {
    const bar = document.createElement('div');
    bar.className = name;
    first.before(bar);
    while (bar.nextSibling && !/^H[1-6]$/.test(bar.nextSibling.nodeName)) bar.append(bar.nextSibling);
    for (const letter of bar.querySelectorAll('strong'))  // no line ends between the letter of an option and its words
      if (/^[A-F]$/.test(letter.textContent) && letter.nextSibling?.nodeType === Node.TEXT_NODE)
        letter.nextSibling.data = letter.nextSibling.data.replace(/^\s+/, '\u00a0');
  }

  // Bold words at the top of what a click shows, after a question or under something that was shown.
  const isTitle = p => p.closest('.fragment, .right') && !p.previousElementSibling
    && p.closest('.page').querySelector('.predict, .body pre.output, .body img, .body .html');

  function marks() {
    for (const p of document.querySelectorAll('.body .text > p')) {
      const bold = p.firstChild?.nodeName === 'STRONG' ? p.firstChild.textContent : '';
      if (/\d/.test(bold) && p.closest('.page.number')) p.classList.add('numeral');
      if (!bold || p.matches('.numeral') || p.closest('.predict, .answer')) continue;
      if (/^(Predict|Vote)\b/.test(bold)) mark(p, 'predict');
      else if (isTitle(p)) mark(p, 'answer');
    }
  }

  // Figures under a slider (course_utils/slider.py): a click each, and back. Dots at the foot say which one shows.
  const sliders = () => [...document.querySelectorAll('.course-slider input')];
  const dots = range => range.closest('.page').querySelector('.foot .steps');
  function steps() {
    for (const range of sliders()) {
      const root = range.closest('.course-slider'), foot = range.closest('.page').querySelector('.foot');
      if (!dots(range))
        (foot.querySelector('.lesson') || foot.lastElementChild)
          .insertAdjacentHTML('afterend', `<span class="steps" aria-hidden="true">${'<i></i>'.repeat(+range.max + 1)}</span>`);
      root.classList.toggle('clicked', range.getAttribute('aria-label') === 'step');  // the steps of a thought
      root.insertAdjacentHTML('afterend', '<span class="fragment step"></span>'.repeat(range.max));
      range.addEventListener('change', () => range.blur());  // keys are the deck's
    }
  }
  window.showSteps = () => {
    for (const range of sliders()) {
      range.value = range.closest('.html').querySelectorAll('.step.visible').length;
      range.dispatchEvent(new Event('input'));
      dots(range).querySelectorAll('i').forEach((dot, n) => dot.classList.toggle('here', n === +range.value));
    }
  };

  // The speaker's view begins with the layout and the size of letters in which notes are seen whole on a small laptop.
  // Whoever chose another layout keeps it.
  function notes() {
    const sheet = '<style>#speaker-controls .speaker-controls-notes .value { font-size: clamp(16px, 1.5vw, 26px); }</style>';
    for (const note of document.querySelectorAll('aside.notes')) note.insertAdjacentHTML('afterbegin', sheet);
    const layout = 'reveal-speaker-layout';
    try { localStorage[layout] ||= 'tall'; } catch { /* a browser that keeps nothing begins with reveal's layout */ }
  }

  // A phone that is held upright has a slide of its own shape, whose columns stand one above the other.
  const phone = innerWidth < 600 && innerHeight > 1.3 * innerWidth;
  const [width, height] = phone ? [640, Math.round(640 * innerHeight / innerWidth)] : [1280, 720];
  document.body.classList.toggle('upright', phone);
  document.body.style.setProperty('--width', `${width}px`);
  document.body.style.setProperty('--height', `${height}px`);
  screen.orientation?.addEventListener('change', () => location.reload());

  const seconds = parseInt(document.body.dataset.seconds, 10);
  const drawn = () => Promise.all([...document.images].map(e => e.decode().catch(() => {})));
  MathJax.startup.promise
    .then(() => Promise.all([...[...document.fonts].map(face => face.load().catch(() => {})), drawn()]))
    .then(() => { marks(); steps(); notes(); fit.all(); })
    .then(start)
    .then(() => { window.deckReady = true; });

  // The site's decks load their sheets from a folder: their readers have a thumb or a mouse, and get arrows.
  const onSite = document.querySelector('link[href^="assets/"]') !== null;

  // A click goes on, but for one on something that has a use of its own, or that ends the marking of words.
  function click(event) {
    if (event.target.closest('a, button, input, label, summary') || String(getSelection()) || Reveal.isOverview()) return;
    Reveal.next();
  }

  function start() {
    document.querySelector('.slides').addEventListener('click', click);
    return Reveal.initialize({
      width, height, margin: 0, center: false, hash: true, transition: 'none',
      // Upright phones would scroll, and pass the clicks that show an answer: they swipe, as others do.
      scrollActivationWidth: null,
      backgroundTransition: 'none', controls: onSite, controlsTutorial: false,
      pdfSeparateFragments: false, navigationMode: 'linear',
      ...(seconds ? {totalTime: seconds} : {}), plugins: [RevealNotes]
    }).then(() => {
      for (const event of ['slidechanged', 'fragmentshown', 'fragmenthidden', 'pdf-ready']) Reveal.on(event, showSteps);
      showSteps();
    });
  }
})();
