// The pictures of an answer, page after page, with what was asked above them.

import { button, counted, h, part, readable } from "./dom.js";
import { hasFilters } from "./filters.js";
import { Grid } from "./grid.js";
import { tell } from "./notices.js";
import { showHead } from "./result-head.js";
import { Answers } from "./searching.js";
import { isAsking } from "./state.js";

export class Results {
  // `acts`: open, pick, more, less with a hit; `onFresh` is called when there are more hits.
  constructor({ store, refine, basket, acts, onFresh, knowsWords }) {
    Object.assign(this, { store, refine, basket, acts, onFresh, knowsWords });
    this.answers = new Answers();
    this.answer = null;
    this.end = h("div", { class: "end" });
    this.seer = new IntersectionObserver(
      (seen) => seen.some((each) => each.isIntersecting) && this.more(),
      { rootMargin: "900px 0px" },
    );
    addEventListener("scroll", () => this.answer && (this.answer.scroll = scrollY), {
      passive: true,
    });
  }

  show(state, images) {
    const { answer, isNew } = this.answers.of(state, images);
    if (answer !== this.answer) this.begin(state, answer, isNew);
    this.showHead(state);
    this.threshold(state.min);
  }

  begin(state, answer, isNew) {
    this.answer?.stop();
    this.answer = answer;
    this.grid = new Grid({
      gallery: state.gallery,
      isRanked: answer.isRanked,
      isPicked: this.basket.has,
      onOpen: this.acts.open,
      onPick: (hit) => this.basket.toggle(hit.image_id),
      onPickAll: (ids) => this.basket.addAll(ids),
      onMore: this.acts.more,
      onLess: this.acts.less,
    });
    this.seer.disconnect();
    this.end.replaceChildren();
    part("body").classList.remove("loading");
    part("body").replaceChildren(this.grid.box, this.end);
    // What could not be answered is asked again by those who come back.
    answer.problem = null;
    if (this.refine.problem) this.refine.complain(null);
    part("head").hidden = false;
    this.grid.add(answer.hits);
    this.showScale();
    const place = isNew ? 0 : answer.scroll;
    scrollTo(0, place);
    if (place) requestAnimationFrame(() => answer === this.answer && scrollTo(0, place));
    if (answer.isComplete || answer.hits.length) this.showEnd();
    else this.more();
  }

  async more() {
    const { answer } = this;
    if (!answer || answer.isLoading || answer.isComplete || answer.problem || this.isBelow())
      return;
    const isFirst = !answer.hits.length;
    if (isFirst) this.showLoading();
    else this.end.replaceChildren(h("p", { class: "quietly" }, "Loading more …"));
    const fresh = await answer.more();
    if (answer !== this.answer || fresh === null) {
      if (answer === this.answer && answer.problem) this.showProblem(answer.problem);
      return;
    }
    part("body").classList.remove("loading");
    this.grid.add(fresh);
    this.showScale();
    this.showHead(this.store.now);
    this.threshold(this.store.now.min);
    if (isFirst)
      tell(
        answer.hits.length
          ? `${counted(answer.hits.length, "picture")} found, best first`
          : "No picture found",
      );
    if (isFirst && this.refine.problem) this.refine.complain(null);
    this.onFresh();
  }

  // Scores only fall: below the threshold there is nothing more to load.
  isBelow() {
    const { min, diversity } = this.store.now;
    const last = this.answer.hits.at(-1);
    return (
      this.answer.isRanked && min !== null && !diversity && last !== undefined && last.score < min
    );
  }

  showLoading() {
    part("body").classList.add("loading");
    const shapes = [1.5, 1, 0.75, 1.33, 1.5, 1, 1.8, 0.7, 1.2, 1.5, 1, 1.33];
    this.end.replaceChildren(
      h(
        "div",
        { class: "grid ghosts", "aria-hidden": "true" },
        shapes.map((ratio) => h("div", { class: "tile", vars: { "--ratio": ratio } })),
      ),
    );
  }

  showScale() {
    const scores = this.answer.isRanked ? this.answer.hits.map((hit) => hit.score) : [];
    if (!scores.length) return;
    const [low, high] = [Math.min(...scores), Math.max(...scores)];
    this.grid.showScale(low, high);
    this.refine.showScale({ low, high }, (min) => this.counted(min));
  }

  counted(min) {
    const count = this.answer.hits.filter((hit) => min === null || hit.score >= min).length;
    return { count, isOpen: !this.answer.isComplete && count === this.answer.hits.length };
  }

  threshold(min) {
    if (!this.answer) return;
    this.grid.threshold(this.answer.isRanked ? min : null);
    this.showEnd();
    // The end may be in sight still, which is not told again while it stays there.
    this.seer.unobserve(this.end);
    this.seer.observe(this.end);
  }

  showHead(state) {
    const { answer, grid, store, refine } = this;
    showHead({ state, answer, grid, store, refine });
  }

  showEnd() {
    const { answer } = this;
    if (answer.problem || answer.isLoading) return;
    const shown = this.counted(this.store.now.min).count;
    if (answer.isComplete && !answer.hits.length) this.showNothing();
    else if (answer.isRanked && answer.hits.length && !shown) this.showNothingAbove();
    else if (answer.isComplete || this.isBelow())
      this.end.replaceChildren(h("p", { class: "quietly" }, endOf(answer, shown)));
    else this.end.replaceChildren();
  }

  showNothing() {
    part("body").classList.remove("loading");
    const { now } = this.store;
    const reset = button("Take the filters away", {
      on: () => this.store.set({ filters: [], where: "" }),
    });
    this.end.replaceChildren(
      state(
        "No picture found",
        hasFilters(now)
          ? "No picture of this gallery passes these filters."
          : "This gallery holds no picture to find.",
        hasFilters(now) ? reset : "",
      ),
    );
  }

  showNothingAbove() {
    const best = Math.max(...this.answer.hits.map((hit) => hit.score));
    this.end.replaceChildren(
      state(
        "Nothing so alike",
        `The best score is ${best.toFixed(2)}, below your threshold.`,
        button("Show all", { on: () => this.store.set({ min: null }) }),
      ),
    );
  }

  // A filter that was misread is told beside its field; the rest stands where pictures would.
  showProblem(problem) {
    part("body").classList.remove("loading");
    this.showHead(this.store.now);
    const again = () => {
      this.answer.problem = null;
      this.more();
    };
    const { now } = this.store;
    if (problem.status === 400 && now.where) this.refine.complain(problem.message);
    const pictures = now.parts.filter((each) => each.kind !== "text");
    const isWordless =
      problem.status === 400 && pictures.length < now.parts.length && !this.knowsWords();
    const words =
      problem.name === "Unreachable"
        ? "The server does not answer"
        : problem.name === "GoneError"
          ? "That picture is gone"
          : isWordless
            ? "This gallery knows no words"
            : problem.title || "This search did not work";
    const act =
      problem.name === "GoneError"
        ? button("Start again", { on: () => this.store.set({ parts: [] }) })
        : isWordless
          ? button(pictures.length ? "Search without words" : "Start again", {
              on: () => this.store.set({ parts: pictures }),
            })
          : button("Try again", { on: again });
    const told =
      problem.name === "Unreachable" ? "Your search goes on as soon as it does." : problem.message;
    this.end.replaceChildren(state(words, told, act, "alert"));
  }

  // The connection is back: what stopped goes on.
  resume() {
    this.grid?.again();
    if (!this.answer?.problem) return;
    this.answer.problem = null;
    this.more();
  }

  // Something else is shown; answers are kept for those who come back.
  leave() {
    this.answer?.stop();
    this.answer = null;
    this.refine.showScale(null);
  }

  forget() {
    this.answers.forgetAllBut(null);
    this.leave();
  }
}

function endOf(answer, shown) {
  if (shown === answer.hits.length && answer.isCut)
    return `The ${shown.toLocaleString("en")} best: one search goes no further.`;
  return shown > 1 ? `${counted(shown, "picture")}. That is all.` : "That is all.";
}

export function state(title, words, act = "", role = null) {
  return h("div", { class: "state", role }, h("h2", {}, title), h("p", {}, readable(words)), act);
}
