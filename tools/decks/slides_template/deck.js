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
    && p.closest('.page').querySelector('.predict, .body pre.output, .body img, .body svg, .body .html');

  function marks() {
    for (const p of document.querySelectorAll('.body .text > p')) {
      const bold = p.firstChild?.nodeName === 'STRONG' ? p.firstChild.textContent : '';
      if (/\d/.test(bold) && p.closest('.page.number')) p.classList.add('numeral');
      if (!bold || p.matches('.numeral') || p.closest('.predict, .answer')) continue;
      if (/^(Predict|Vote)\b/.test(bold)) mark(p, 'predict');
      else if (isTitle(p)) mark(p, 'answer');
    }
  }

  // Frames that follow each other (course_utils/show/frames.py): a click each, and back.
  const frames = () => document.querySelectorAll('.course-frames');
  const dots = root => root.closest('.page').querySelector('.foot .steps');
  function steps() {
    for (const root of frames()) {
      const many = root.querySelectorAll('figure').length, foot = root.closest('.page').querySelector('.foot');
      if (many > 1 && !dots(root))  // which frame shows is said at the foot
        (foot.querySelector('.lesson') || foot.lastElementChild)
          .insertAdjacentHTML('afterend', `<span class="steps" aria-hidden="true">${'<i></i>'.repeat(many)}</span>`);
      for (let n = root.querySelectorAll('figure').length; n > 1; n--)
        root.insertAdjacentHTML('afterend', '<span class="fragment frame-step"></span>');
    }
  }
  window.showFrames = () => {
    for (const root of frames()) {
      const detail = root.parentElement.querySelectorAll('.frame-step.visible').length;
      root.dispatchEvent(new CustomEvent('course-frame', {detail}));
      dots(root)?.querySelectorAll('i').forEach((dot, n) => dot.classList.toggle('here', n === detail));
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

  const seconds = parseInt(document.body.dataset.seconds, 10);
  const drawn = () => Promise.all([...document.images].map(e => e.decode().catch(() => {})));
  MathJax.startup.promise
    .then(() => Promise.all([...[...document.fonts].map(face => face.load().catch(() => {})), drawn()]))
    .then(() => { marks(); steps(); notes(); fit.all(); })
    .then(start)
    .then(() => { window.deckReady = true; });

  // The site's decks load their sheets from a folder: their readers have a thumb or a mouse, and get arrows.
  const onSite = document.querySelector('link[href^="assets/"]') !== null;

  function start() {
    for (const root of frames()) root.addEventListener('change', event => event.target.blur());  // keys are the deck's
    return Reveal.initialize({
      width: 1280, height: 720, margin: 0, center: false, hash: true, transition: 'none',
      // Upright phones would scroll, and pass the clicks that show an answer: they swipe, as others do.
      scrollActivationWidth: null,
      backgroundTransition: 'none', controls: onSite, controlsTutorial: false,
      pdfSeparateFragments: false, navigationMode: 'linear',
      ...(seconds ? {totalTime: seconds} : {}), plugins: [RevealNotes]
    }).then(() => {
      for (const event of ['slidechanged', 'fragmentshown', 'fragmenthidden', 'pdf-ready']) Reveal.on(event, showFrames);
      showFrames();
    });
  }
})();
