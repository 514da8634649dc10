// What to expect of a peer that never delivered a request: as much as of those like it lately.
// Not a record of any one peer (peer-health).
// Invariant: from 0 (strangers deliver) to 1 (none does); one that delivers makes up for less than one that does not.

/** How far one that delivered nothing, and one that delivered, moves the doubt towards 1 and 0. */
const DISAPPOINTED_WEIGHT = 0.5
const PLEASED_WEIGHT = 0.3

export class StrangerTrust {
  #doubt = 0

  get doubt(): number {
    return this.#doubt
  }

  disappointed(): void {
    this.#doubt += DISAPPOINTED_WEIGHT * (1 - this.#doubt)
  }

  pleased(): void {
    this.#doubt -= PLEASED_WEIGHT * this.#doubt
  }
}
