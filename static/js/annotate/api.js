// Requests to the API. Every outcome is a value: {kind: "ok", data}, {kind: "offline", message}, {kind: "signed-out"} or
// {kind: "error", status, code, message, fields}.

import { gettext } from "../i18n.js";

const TIMEOUT_MS = 20_000;
// What Django REST framework says when the session has ended or its CSRF cookie is gone.
const SIGNED_OUT = new Set(["not_authenticated", "authentication_failed", "permission_denied"]);

export async function request(method, url, body, { keepalive = false } = {}) {
  const headers = { Accept: "application/json", "X-CSRFToken": csrfToken() };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(url, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
      keepalive,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch {
    return { kind: "offline", message: gettext("The server cannot be reached.") };
  }
  const data = await response.json().catch(() => ({}));
  if (response.ok) return { kind: "ok", data };
  if (response.status >= 500 || response.status === 429) {
    return { kind: "offline", message: gettext("The server has a problem.") };
  }
  if (response.status === 401 || (response.status === 403 && SIGNED_OUT.has(data.code))) return { kind: "signed-out" };
  return {
    kind: "error",
    status: response.status,
    code: data.code ?? "",
    message: data.message ?? gettext("The server answered %(status)s.", { status: response.status }),
    fields: data.fields ?? {},
  };
}

/** Read anew each time: signing in again in another tab changes it. */
function csrfToken() {
  const cookie = document.cookie.split("; ").find((part) => part.startsWith("csrftoken="));
  return cookie ? decodeURIComponent(cookie.slice("csrftoken=".length)) : "";
}
