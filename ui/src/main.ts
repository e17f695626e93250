import { mount } from 'svelte';
import App from './App.svelte';
import './app.css';
import { reachable } from './lib/reach.svelte';
import { router } from './lib/router.svelte';

// A part of the app that cannot be loaded is one of an older build, or the server is gone.
addEventListener('vite:preloadError', () => void reachable().then(() => location.reload()));

mount(App, { target: document.getElementById('app')! });
router.start();

// Without it all works but sharing, and saying that the server is gone.
if (import.meta.env.PROD) navigator.serviceWorker?.register('/sw.js').catch(() => undefined);
