// The renderer's own words, by language; a host passes one of these to CardView.
export const WORDS = {
  en: { back: "Back", more: "More options", showMore: "Show more", showLess: "Show less", required: "Fill in this field", failed: "That did not work. Try again.", blocked: "The browser blocked a new window. Allow pop-ups for this page, then click again.", elsewhere: "Continue in the window that opened", focusWindow: "Show that window", letGo: "Continue here", loading: "Loading" },
  es: { back: "Atrás", more: "Más opciones", showMore: "Mostrar más", showLess: "Mostrar menos", required: "Complete este campo", failed: "No funcionó. Intente de nuevo.", blocked: "El navegador bloqueó una ventana nueva. Permita las ventanas emergentes en esta página y haga clic otra vez.", elsewhere: "Continúe en la ventana que se abrió", focusWindow: "Mostrar esa ventana", letGo: "Continuar aquí", loading: "Cargando" },
  pt: { back: "Voltar", more: "Mais opções", showMore: "Mostrar mais", showLess: "Mostrar menos", required: "Preencha este campo", failed: "Não funcionou. Tente de novo.", blocked: "O navegador bloqueou uma nova janela. Permita pop-ups nesta página e clique de novo.", elsewhere: "Continue na janela que se abriu", focusWindow: "Mostrar essa janela", letGo: "Continuar aqui", loading: "Carregando" },
};

export const wordsOf = (locale) => WORDS[(locale || "en").slice(0, 2)] ?? WORDS.en;
