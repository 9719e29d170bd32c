// Undo and redo over states that are never changed in place.

const DEPTH = 500;

export class History {
  constructor(state) {
    this.past = [];
    this.state = state;
    this.future = [];
  }

  /** Make `state` the present one; what was undone before is gone. With the same `burst` the last step is replaced. */
  push(state, burst = null) {
    if (state === this.state) return;
    if (burst === null || burst !== this.burst) {
      this.past.push(this.state);
      if (this.past.length > DEPTH) this.past.shift();
    }
    this.burst = burst;
    this.state = state;
    this.future = [];
  }

  undo() {
    return this.step(this.past, this.future);
  }

  redo() {
    return this.step(this.future, this.past);
  }

  get canUndo() {
    return this.past.length > 0;
  }

  get canRedo() {
    return this.future.length > 0;
  }

  step(from, to) {
    if (from.length === 0) return false;
    to.push(this.state);
    this.state = from.pop();
    this.burst = null;
    return true;
  }
}
