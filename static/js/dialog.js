// <button data-dialog-open="id"> opens <dialog id="id">; [data-dialog-close] inside it, Escape or a click on the
// backdrop closes it. A dialog with data-dialog-autoopen opens as soon as it is on the page or swapped in by htmx. One
// with data-drawer stands beside the page, which goes on: the same button closes it again.

function openDialog(dialog) {
  if (dialog?.open) {
    if (dialog.hasAttribute("data-drawer")) dialog.close();
  } else if (dialog?.hasAttribute("data-drawer")) dialog.show();
  else dialog?.showModal();
}

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog-open]");
  if (opener) {
    openDialog(document.getElementById(opener.dataset.dialogOpen));
    return;
  }
  if (event.target.closest("[data-dialog-close]")) {
    event.target.closest("dialog")?.close();
    return;
  }
  // The dialog fills its own box with children, so a click whose target is the dialog itself is on the backdrop.
  if (event.target instanceof HTMLDialogElement && event.target.open) closeOnBackdrop(event);
});

function closeOnBackdrop(event) {
  const box = event.target.getBoundingClientRect();
  const inside =
    event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
  // Enter in a field sends a click at 0, 0: that is no click on the backdrop.
  if (!inside && event.detail > 0) event.target.close();
}

function openNew(root) {
  for (const dialog of root.querySelectorAll("dialog[data-dialog-autoopen]")) openDialog(dialog);
}

openNew(document);
document.addEventListener("htmx:load", (event) => openNew(event.target));
