// Draws every sample card beside the others; `?locale=`, `?theme=`, `?name=` and `?number=` choose what they hold.
import { CardView } from "/static/cards/card.js";
import { richText } from "/static/cards/richtext.js";
import { wordsOf } from "/static/cards/words.js";

const asked = new URLSearchParams(location.search);
const host = {
  richText,
  words: wordsOf(asked.get("locale")),
  image: (url) => url,
  openWindow: () => null,
  point: () => {},
  reload: () => {},
  action: async () => ({}),
};

function frame(name, card) {
  const figure = document.createElement("figure");
  const caption = document.createElement("figcaption");
  const root = document.createElement("div");
  figure.id = name;
  caption.textContent = name;
  figure.append(caption, root);
  document.getElementById("cards").append(figure);
  const view = new CardView(root, host);
  view.apply({ action: { navigations: [{ pushCard: card }] } });
  root.querySelector(".gc-scroll").setAttribute("aria-label", name);
  for (const button of root.querySelectorAll('.gc-collapse[aria-expanded="false"]')) if (asked.has("unfold")) button.click();
}

document.documentElement.lang = asked.get("locale") ?? "en";
if (asked.get("theme")) document.documentElement.style.colorScheme = asked.get("theme");

/** Draws the cards again with other texts; how many there are. */
window.drawCards = async (texts) => {
  const body = JSON.stringify({ ...Object.fromEntries(asked), ...texts });
  const answer = await fetch("/api/gallery", { method: "POST", headers: { "Content-Type": "application/json" }, body });
  const cards = Object.entries(await answer.json());
  document.getElementById("cards").replaceChildren();
  for (const [name, card] of cards) frame(name, card);
  return cards.length;
};
/** Draws one card of any JSON. */
window.drawCard = (name, card) => frame(name, card);
await window.drawCards({});
document.body.dataset.ready = "yes";
