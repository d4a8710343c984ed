/** The catalogue of one language and its formats. */

const LANGUAGES = ['en', 'es', 'pt'];

export async function loadTexts(locale) {
  const short = (locale || 'en').slice(0, 2).toLowerCase();
  const language = LANGUAGES.includes(short) ? short : 'en';
  const answer = await fetch(new URL(`../i18n/${language}.json`, import.meta.url));
  return makeTexts(language, await answer.json());
}

export function makeTexts(language, catalogue) {
  const t = (key, values = {}) =>
    (catalogue[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
  const date = new Intl.DateTimeFormat(language, { dateStyle: 'medium' });
  const moment = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' });
  return {
    language,
    t,
    has: (key) => key in catalogue,
    date: (seconds) => date.format(seconds * 1000),
    moment: (seconds) => moment.format(seconds * 1000),
    timer,
  };
}

export function timer(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (n) => String(n).padStart(2, '0');
  const hours = Math.floor(whole / 3600);
  return `${hours ? `${hours}:` : ''}${two(Math.floor((whole % 3600) / 60))}:${two(whole % 60)}`;
}
