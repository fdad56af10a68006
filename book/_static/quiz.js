/* Quizzes work as plain text without this script: it hides the list of answers behind a button
   and says what is behind the choice that was made. */

function explanation(chosen) {
  const why = document.getElementById(chosen.getAttribute("data-why")).innerHTML;
  return why.startsWith("Right") ? why : `Not this one. ${why}`;
}

document.addEventListener("DOMContentLoaded", () => {
  for (const quiz of document.querySelectorAll("fieldset.quiz")) {
    const button = quiz.querySelector("button");
    const said = quiz.querySelector(".said");
    quiz.querySelector("details").hidden = true;
    button.hidden = false;
    button.addEventListener("click", () => {
      const chosen = quiz.querySelector("input:checked");
      said.innerHTML = chosen
        ? explanation(chosen)
        : "Choose one first.";
    });
    quiz.addEventListener("change", () => said.replaceChildren());
  }
});
