Reveal.initialize({
  width: 1280,
  height: 720,
  margin: 0.03,
  hash: true,
  center: false,
  transition: "none",
  slideNumber: "c/t",
  scrollActivationWidth: null, // slides on a phone as well
  plugins: [RevealNotes],
});
