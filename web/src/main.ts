import { mount } from 'svelte';
import './studio.css';
import App from './App.svelte';
import { ask } from './lib/ask';
import { askIt } from './lib/glossary';

askIt(ask);
mount(App, { target: document.getElementById('app')! });
