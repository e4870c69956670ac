// Asks for a token where the server wants one; it goes into a cookie that no script can read.

import * as api from "./api.js";
import { button, h } from "./dom.js";

// Resolves when somebody is let in.
export function signIn() {
  return new Promise((resolve) => {
    const input = h("input", {
      type: "password",
      name: "token",
      autocomplete: "current-password",
      required: true,
      "aria-describedby": "token-wrong",
    });
    const problem = h("p", { class: "wrong", id: "token-wrong", role: "alert" });
    const form = h(
      "form",
      { method: "dialog" },
      h("h2", { id: "sign-title" }, "This server asks for a token"),
      h("p", { class: "hint" }, "Whoever runs it can make one: lookalike tokens"),
      h("label", { class: "field" }, h("span", { class: "label" }, "Token"), input),
      problem,
      h("button", { type: "submit", class: "primary wide" }, "Go on"),
    );
    const dialog = h(
      "dialog",
      { class: "panel-dialog sign-in", "aria-labelledby": "sign-title" },
      form,
    );
    // Without a token there is nothing behind it.
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      try {
        await api.session.open(input.value.trim());
        dialog.close();
        dialog.remove();
        resolve();
      } catch (error) {
        problem.textContent = error.message;
        input.select();
      }
    });
    document.body.append(dialog);
    dialog.showModal();
    input.focus();
  });
}

export function signOutButton(onOut) {
  return button("Sign out", { kind: "small", on: () => api.session.close().then(onOut, onOut) });
}
