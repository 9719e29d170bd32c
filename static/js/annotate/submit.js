// One submit, however often the button is pressed or the connection breaks.

/** Sends an answer under a key that stays the same until the answer changes, so that the server counts it once. */
export class Submitter {
  /**
   * @param send     async ({key, answer, active_ms, active_parts}) => result of api.js
   * @param newKey   () => string
   */
  constructor({ send, newKey }) {
    Object.assign(this, { send, newKey });
    this.key = null;
    this.keyedAnswer = null;
    this.running = null;
  }

  /** The result of the submit; a second call while one is on its way gets the same. */
  submit(answer, activeMs, activeParts = {}) {
    const text = JSON.stringify(answer);
    if (this.keyedAnswer !== text) {
      this.key = this.newKey();
      this.keyedAnswer = text;
    }
    this.running ??= this.send({ key: this.key, answer, active_ms: activeMs, active_parts: activeParts }).finally(() => {
      this.running = null;
    });
    return this.running;
  }
}

/** A key that nobody else has; also where crypto.randomUUID is missing, as on plain HTTP. */
export function randomKey() {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
