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
  for (const button of root.querySelectorAll('.gc-collapse[aria-expanded="false"]')) if (asked.has("unfold")) button.click();
}

document.documentElement.lang = asked.get("locale") ?? "en";
if (asked.get("theme")) document.documentElement.style.colorScheme = asked.get("theme");
const answer = await fetch(`/api/gallery?${asked}`);
for (const [name, card] of Object.entries(await answer.json())) frame(name, card);
document.body.dataset.ready = "yes";
