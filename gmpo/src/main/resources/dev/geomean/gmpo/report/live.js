'use strict';
(() => {
  const EVERY = 2000;
  const status = document.getElementById('live');
  let tag = '';

  const say = (state, text) => {
    status.dataset.state = state;
    status.textContent = text;
  };

  async function ask() {
    try {
      const answer = await fetch('data', { headers: tag ? { 'If-None-Match': tag } : {}, cache: 'no-store' });
      if (answer.status === 200) {
        tag = answer.headers.get('ETag') || '';
        window.geomeanReport.update(await answer.json());
      } else if (answer.status !== 304) {
        throw new Error(`status ${answer.status}`);
      }
      say('on', 'Live: follows the run.');
    } catch (error) {
      say('off', 'No longer live: the process that ran it has ended or does not answer. A finished run leaves report.html in its folder.');
    }
    setTimeout(ask, document.hidden ? 5 * EVERY : EVERY);
  }

  say('on', 'Live: follows the run.');
  setTimeout(ask, EVERY);
})();
