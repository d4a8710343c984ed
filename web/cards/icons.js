// Our drawings for Google's known icon names, 24 x 24, currentColor.
const PATHS = {
  PHONE: "M6.6 10.8a15 15 0 0 0 6.6 6.6l2.2-2.2c.3-.3.7-.4 1-.2 1.200.4 2.400.6 3.600.6.6 0 1 .4 1 1V20c0 .6-.4 1-1 1A17 17 0 0 1 3 4c0-.6.4-1 1-1h3.500c.6 0 1 .4 1 1 0 1.200.2 2.400.6 3.600.1.3 0 .7-.2 1z",
  PERSON: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zm0 2c-2.700 0-8 1.300-8 4v2h16v-2c0-2.700-5.300-4-8-4z",
  EMAIL: "M4 5h16a2 2 0 0 1 2 2v10a2 2 0 0 1-2 2H4a2 2 0 0 1-2-2V7c0-1.100.9-2 2-2zm8 8 8-5V7l-8 5-8-5v1z",
  CLOCK: "M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20zm0 18a8 8 0 1 1 0-16 8 8 0 0 1 0 16zm1-13h-2v6l5 3 1-1.600-4-2.400z",
  DESCRIPTION: "M14 2H6a2 2 0 0 0-2 2v16c0 1.100.9 2 2 2h12a2 2 0 0 0 2-2V8zm2 16H8v-2h8zm0-4H8v-2h8zm-3-5V3.500L18.500 9z",
  STAR: "m12 17.300 6.200 3.700-1.600-7L22 9.200l-7.200-.6L12 2 9.200 8.600 2 9.200 7.500 14l-1.700 7z",
  BOOKMARK: "M17 3H7a2 2 0 0 0-2 2v16l7-3 7 3V5a2 2 0 0 0-2-2z",
  MULTIPLE_PEOPLE: "M16 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zm-8 0a3 3 0 1 0 0-6 3 3 0 0 0 0 6zm0 2c-2.300 0-7 1.200-7 3.500V19h14v-2.500C15 14.200 10.300 13 8 13zm8 0h-1c1.200.8 2 2 2 3.500V19h6v-2.500c0-2.300-4.700-3.500-7-3.500z",
  STORE: "M20 4H4v2h16zm1 10v-2l-1-5H4l-1 5v2h1v6h10v-6h4v6h2v-6zm-9 4H6v-4h6z",
  MAP_PIN: "M12 2a7 7 0 0 0-7 7c0 5.300 7 13 7 13s7-7.700 7-13a7 7 0 0 0-7-7zm0 9.500a2.500 2.500 0 1 1 0-5 2.500 2.500 0 0 1 0 5z",
  MEMBERSHIP: "M20 4H4a2 2 0 0 0-2 2v12c0 1.100.9 2 2 2h16a2 2 0 0 0 2-2V6a2 2 0 0 0-2-2zM4 18v-6h16v6zM4 8V6h16v2z",
  INVITE: "M19 4h-1V2h-2v2H8V2H6v2H5a2 2 0 0 0-2 2v14c0 1.100.9 2 2 2h14a2 2 0 0 0 2-2V6a2 2 0 0 0-2-2zm0 16H5V10h14z",
  DOLLAR: "M13 3v2c2 .3 3.500 1.600 3.600 3.600h-2.200c-.1-1-.8-1.800-2.400-1.800-1.500 0-2.300.7-2.300 1.600 0 .8.6 1.400 2.700 1.900 2.100.6 4.400 1.400 4.400 4 0 2-1.500 3.100-3.800 3.500v2.200h-2v-2.200c-2-.4-3.600-1.700-3.700-3.900h2.200c.1 1.200.9 2.100 2.800 2.100 2 0 2.400-1 2.400-1.600 0-.9-.5-1.700-2.800-2.200-2.600-.6-4.300-1.700-4.300-3.700 0-1.700 1.400-2.900 3.400-3.300V3z",
  VIDEO_CAMERA: "M17 10.500V7c0-.6-.4-1-1-1H4c-.6 0-1 .4-1 1v10c0 .6.4 1 1 1h12c.6 0 1-.4 1-1v-3.500l4 4v-11z",
  VIDEO_PLAY: "M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20zm-2 14.500v-9l6 4.500z",
  TICKET: "M22 10V6a2 2 0 0 0-2-2H4a2 2 0 0 0-2 2v4a2 2 0 0 1 0 4v4c0 1.100.9 2 2 2h16a2 2 0 0 0 2-2v-4a2 2 0 0 1 0-4z",
};
PATHS.CONFIRMATION_NUMBER_ICON = PATHS.TICKET;
const NS = "http://www.w3.org/2000/svg";
const EXTRA = {
  back: "M20 11H7.800l5.600-5.600L12 4l-8 8 8 8 1.400-1.400L7.800 13H20z",
  more: "M12 8a2 2 0 1 0 0-4 2 2 0 0 0 0 4zm0 2a2 2 0 1 0 0 4 2 2 0 0 0 0-4zm0 6a2 2 0 1 0 0 4 2 2 0 0 0 0-4z",
  expand: "M7.400 8.600 12 13.200l4.600-4.600L18 10l-6 6-6-6z",
  external: "M19 19H5V5h7V3H5a2 2 0 0 0-2 2v14c0 1.100.9 2 2 2h14a2 2 0 0 0 2-2v-7h-2zM14 3v2h3.600l-9.800 9.800 1.400 1.400L19 6.400V10h2V3z",
};

export const knownIcons = Object.keys(PATHS);

export function iconNode(name) {
  const path = PATHS[name] ?? EXTRA[name];
  if (!path) return null;
  const svg = document.createElementNS(NS, "svg");
  for (const [key, value] of Object.entries({ viewBox: "0 0 24 24", width: "20", height: "20", "aria-hidden": "true", focusable: "false" }))
    svg.setAttribute(key, value);
  const drawn = document.createElementNS(NS, "path");
  drawn.setAttribute("d", path);
  drawn.setAttribute("fill", "currentColor");
  svg.append(drawn);
  return svg;
}
