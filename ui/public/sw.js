// Three things only: takes pictures that other apps share, says something when the server cannot be reached, and sends
// what a page that goes has left to do. Answers of the API are never kept: the library may change at any time.
const SHARED = 'shared';

self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));

self.addEventListener('fetch', (event) => {
  const { request } = event;
  if (request.method === 'POST' && new URL(request.url).pathname === '/share') event.respondWith(keep(request));
  // Else the browser gives it up with the page, although it says keepalive.
  else if (request.method === 'DELETE') event.respondWith(fetch(request));
  else if (request.mode === 'navigate') event.respondWith(fetch(request).catch(offline));
});

/** Puts the picture where the page that is shown next finds it. */
async function keep(request) {
  const file = (await request.formData()).get('file');
  if (file instanceof File) {
    const cache = await caches.open(SHARED);
    await cache.put('/shared-picture', new Response(file, { headers: { 'Content-Type': file.type } }));
  }
  return Response.redirect('/?shared=1', 303);
}

function offline() {
  const page = `<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="5">
<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark"><title>mimeme</title>
<body style="font:1.1rem/1.5 system-ui;display:grid;place-content:center;min-height:90vh;text-align:center;margin:1rem">
<main><h1>mimeme cannot be reached</h1><p>Is <code>mimeme serve</code> running? This page tries again by itself.</p></main>`;
  return new Response(page, { status: 503, headers: { 'Content-Type': 'text/html; charset=utf-8' } });
}
