'use strict';
(() => {
  const shown = document.getElementById('newest');
  const show = (tick) => { shown.textContent = JSON.stringify(tick, null, 2); };
  const events = new EventSource('events');
  events.addEventListener('history', (event) => show(JSON.parse(event.data).tick));
  events.addEventListener('tick', (event) => show(JSON.parse(event.data)));
})();
