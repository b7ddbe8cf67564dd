// This browser as a destination: it asks for leave, subscribes at its push service, and fills in the form that the board keeps.

const form = document.querySelector("form[data-push-key]")
const WORKER = "/push-worker.js"

const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0))

const subscribe = async () => {
  if ((await Notification.requestPermission()) !== "granted") throw new Error("This browser was not given leave.")
  const worker = await navigator.serviceWorker.register(WORKER)
  await navigator.serviceWorker.ready
  const key = bytes(form.dataset.pushKey)
  return (await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key })).toJSON()
}

const fill = ({ endpoint, keys }) => {
  form.elements.url.value = endpoint
  form.elements.p256dh.value = keys.p256dh
  form.elements.auth.value = keys.auth
}

if (form && "serviceWorker" in navigator && "PushManager" in window) {
  form.hidden = false
  form.addEventListener("submit", async (event) => {
    event.preventDefault()
    try {
      fill(await subscribe())
      form.submit()
    } catch (error) {
      form.querySelector("[role=status]").textContent = `${error.message}`
    }
  })
}
