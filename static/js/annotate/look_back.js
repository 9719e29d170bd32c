// From the item in work to the one before it. Nothing is lost by it: the draft is on the server before the page is left,
// and the item is kept, so that the way forward leads to it again.

import { gettext } from "../i18n.js";

export class LookBack {
  /**
   * @param link     () => the link to the item before, or null where there is none
   * @param drafts   of drafts.js
   * @param lease    of lease.js
   * @param notices  of status.js
   * @param isBusy   () => boolean: something is being sent that the page has to be there for
   * @param go       (address) => void
   */
  constructor({ link, drafts, lease, notices, isBusy, go = (address) => window.location.assign(address) }) {
    Object.assign(this, { link, drafts, lease, notices, isBusy, go });
  }

  /** False where there is nothing to look back at; else a promise of whether the page is left. */
  start() {
    const address = this.link()?.href;
    return address ? this.leave(address) : false;
  }

  async leave(address) {
    if (this.isBusy()) return false;
    if (!(await this.drafts.flush())) {
      this.notices.show("look-back", gettext("What you entered could not be saved yet, so this page stays open. Try again in a moment."));
      return false;
    }
    this.notices.hide("look-back");
    this.lease.keep();
    this.go(address);
    return true;
  }
}
